#!/usr/bin/env python3
"""A policy that asks for it: no model is served without a valid qualification.   qualify.py BIN_DIR FIXTURE_DIR [CASE...]"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from daemon import Daemon, expect, run
from schema import ROOT

BODY = {"model": "tiny", "cohort": {"cases": 20, "controls": 20}, "seed": 7}


class World:
    """One copy of the fixture's model (its card is written to) and a policy; every case starts a daemon of its own."""

    def __init__(self):
        self.own = tempfile.mkdtemp(prefix="snpgen-qualify-")
        shutil.copytree(os.path.join(sys.argv[2], "model"), os.path.join(self.own, "model"))
        shutil.copy(os.path.join(sys.argv[2], "reference.key"), self.own)
        self.card = os.path.join(self.own, "model", "card.json")
        with open(os.path.join(ROOT, "deploy", "policy-demo.toml"), encoding="utf-8") as f:
            self.demo = f.read()
        expect("qualified = false" in self.demo and "low_power = true" in self.demo, "the demonstration policy changed")
        self.policy = self.write_policy("policy.toml", self.demo.replace("qualified = false", "qualified = true"))

    def write_policy(self, name, text):
        path = os.path.join(self.own, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def qualify(self, policy, code=0):
        r = subprocess.run([os.path.join(sys.argv[1], "snpgen"), "qualify", "--model", os.path.join(self.own, "model"), "--key",
                            os.path.join(self.own, "reference.key"), "--quiet", "--policy", policy, "--draws", "1", "--people",
                            "200", "--json"], capture_output=True, text=True, check=False)
        expect(r.returncode == code, "snpgen qualify exits", r.returncode, r.stderr)
        return json.loads(r.stdout)

    def start(self, policy=None, ready=True):
        d = Daemon(sys.argv[1], self.own, "qualify", models__policy=policy or self.policy)
        d.start(ready)
        return d, d.client(d.key("alice"))

    def refused(self, why, policy=None):
        d, alice = self.start(policy, ready=False)
        end = time.time() + 30
        while why not in d.log():
            expect(time.time() < end, "the log does not say", why, ":", d.log()[-1500:])
            time.sleep(0.05)
        expect(not alice.get("/v1/models").json["models"], "the model is served")
        expect(alice.post(BODY).status >= 400, "a job was accepted")
        d.stop()
        d.remove()


def an_unqualified_model_is_not_served(w):
    w.refused("has not been qualified")


def another_policy_needs_another_qualification(w):
    w.qualify(w.write_policy("other.toml", w.demo))
    w.refused("not under the one it is to be served with")


def a_model_that_did_not_pass_is_not_served(w):
    strict = w.write_policy("strict.toml", w.demo.replace("qualified = false", "qualified = true")
                            .replace("low_power = true", "low_power = false"))
    record = w.qualify(strict, code=3)
    expect(record["outcome"] == "withhold", record["outcome"])
    w.refused("did not pass its qualification", strict)


def a_qualified_model_is_served_with_its_own_settings_alone(w):
    record = w.qualify(w.policy)
    expect(record["outcome"] == "pass", record["reason"])
    d, alice = w.start()
    q = alice.get("/v1/models/tiny").json["qualification"]
    expect(q == {k: record[k] for k in ("outcome", "created", "expires")}, q)
    job = alice.wait(alice.post(BODY).json["id"])
    expect(job["state"] in ("released", "withheld"), job)
    job = alice.wait(alice.post({**BODY, "sampler": {"guidance": 3}}).json["id"])
    expect(job["state"] == "failed", "other settings than the qualified ones:", job["state"])
    expect(d.stop() == 0, d.log()[-1500:])
    d.remove()


def a_changed_record_is_not_believed(w):
    with open(w.card, encoding="utf-8") as f:
        card = json.load(f)
    card["qualification"]["expires_ms"] += 1
    with open(w.card, "w", encoding="utf-8") as f:
        json.dump(card, f)
    w.refused("was changed afterwards")


CASES = [an_unqualified_model_is_not_served, another_policy_needs_another_qualification, a_model_that_did_not_pass_is_not_served,
         a_qualified_model_is_served_with_its_own_settings_alone, a_changed_record_is_not_believed]


def finish(w, bad):
    shutil.rmtree(w.own, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(run(CASES, World, finish, sys.argv[3:]))
