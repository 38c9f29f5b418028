#!/usr/bin/env python3
"""A released cohort is made again from its seed and compared, whatever happens meanwhile.   verify.py BIN_DIR FIXTURE_DIR [CASE...]"""
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import time

from daemon import Daemon, Failed, expect, run

BODY = {"model": "tiny", "cohort": {"cases": 20, "controls": 20}, "seed": 7, "formats": ["plink", "npy", "vcf"]}
SLOW = {"model": "tiny", "cohort": {"cases": 60, "controls": 60}, "seed": 11, "sampler": {"steps": 250}}
BUSY = {"model": "tiny", "cohort": {"cases": 20000, "controls": 20000}}


class World:
    def __init__(self):
        self.d = Daemon(sys.argv[1], sys.argv[2], "verify", jobs__per_key_max=4)
        self.d.start()
        self.key = self.d.key("alice")
        self.alice = self.d.client(self.key)
        self.bob = self.d.client(self.d.key("bob"))
        self.root = self.d.client(self.d.key("root", "--scope", "admin"))

    def clients_again(self):
        for c in (self.alice, self.bob, self.root):
            c.port = self.d.port

    def released(self, body):
        for seed in range(body["seed"], body["seed"] + 20):
            job = self.alice.wait(self.alice.post({**body, "seed": seed}).json["id"])
            if job["state"] == "released":
                return job
        raise Failed("no cohort is released")


def ask(c, job):
    return c.ask("POST", f"/v1/jobs/{job}/verify", {})


def outcome(c, job, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        v = c.get(f"/v1/jobs/{job}/verification").json
        if v["state"] == "finished":
            return v
        time.sleep(0.03)
    raise Failed(f"the verification is {v}")


def until_running(w, job):
    end = time.time() + 20
    while w.alice.get(f"/v1/jobs/{job}/verification").json["state"] != "running":
        expect(time.time() < end, "never runs")
    time.sleep(0.1)


def files_of(d, job):
    found = {}
    for folder, _, names in os.walk(os.path.join(d.data, "releases", job)):
        for n in names:
            with open(os.path.join(folder, n), "rb") as f:
                found[n] = hashlib.sha256(f.read()).hexdigest()
    return found


def untouched(w, before, files):
    now = w.alice.get("/v1/jobs/" + before["id"]).json
    expect(now == before, now, before)
    expect(files_of(w.d, before["id"]) == files and files, "the release changed")
    expect(os.listdir(os.path.join(w.d.data, "quarantine")) == [], os.listdir(os.path.join(w.d.data, "quarantine")))


def the_same_seed_gives_the_same_bytes(w):
    job = w.released(BODY)
    files = files_of(w.d, job["id"])
    expect(w.alice.get(f"/v1/jobs/{job['id']}/verification").status == 404)
    a = ask(w.alice, job["id"])
    expect(a.status == 202 and a.headers["location"] == f"/v1/jobs/{job['id']}/verification" and a.json["outcome"] is None, a.body)
    v = outcome(w.alice, job["id"])
    expect(v["outcome"] == "same" and v["id"] == a.json["id"] and v["files_different"] == [] and v["reason"] is None, v)
    names = {f["name"] for f in job["files"]} - {"manifest.json", "ro-crate-metadata.json"}
    expect(v["files_compared"] == len(names) >= 8, v, names)
    shown = w.alice.get(f"/v1/jobs/{job['id']}/verification")
    expect(w.alice.get(f"/v1/jobs/{job['id']}/verification", If_None_Match=shown.headers["etag"]).status == 304)
    untouched(w, job, files)
    b = w.alice.ask("POST", f"/v1/jobs/{job['id']}/verify")  # without a body too
    expect(b.status == 202 and b.json["id"] != a.json["id"] and outcome(w.alice, job["id"])["outcome"] == "same", b.body)
    log = [json.loads(x) for x in w.d.admin("audit", "export").splitlines()]
    did = [(r["actor"], r["action"], r["outcome"]) for r in log if r["action"].startswith("job.verif") and r["subject"] == job["id"]]
    expect(did == [("alice", "job.verify", "asked"), ("snpgend", "job.verified", "same")] * 2, did)


def who_may_ask_and_what_for(w):
    job = w.released(BODY)["id"]
    expect(ask(w.bob, job).status == 404 and w.bob.get(f"/v1/jobs/{job}/verification").status == 404)
    expect(ask(w.d.client(), job).status == 401 and w.d.client().get(f"/v1/jobs/{job}/verification").status == 401)
    reader = w.d.client(w.d.key("alice", "--scope", "jobs:read"))
    expect(ask(reader, job).status == 403)
    expect(ask(w.root, job).status == 202 and outcome(w.root, job)["outcome"] == "same" and outcome(reader, job)["outcome"] == "same")
    expect(w.alice.ask("POST", f"/v1/jobs/{job}/verify", {"seed": 8}).status == 422)
    expect(w.alice.ask("POST", f"/v1/jobs/{job}/verify", "[", {"Content-Type": "application/json"}).status == 400)
    expect(w.alice.ask("POST", f"/v1/jobs/{job}/verify", "{}", {"Content-Type": "text/plain"}).status == 415)
    expect(w.alice.ask("POST", f"/v1/jobs/{job}/verify", {}, {"Accept": "text/html"}).status == 406)
    expect(ask(w.alice, "01900000-0000-7000-8000-000000000000").status == 404)
    w.alice.ask("DELETE", "/v1/jobs/" + job)
    expect(ask(w.alice, job).status == 409)


def what_is_under_way_is_not_begun_twice_and_jobs_go_first(w):
    jobs = [w.released({**BODY, "seed": s})["id"] for s in (100, 200, 300, 400, 500)]
    busy = w.bob.post(BUSY).json["id"]
    w.bob.wait(busy, until=("running",))
    first = ask(w.alice, jobs[0])
    expect(first.status == 202 and first.json["state"] == "queued", first.body)
    expect(ask(w.alice, jobs[0]).json["id"] == first.json["id"] == ask(w.root, jobs[0]).json["id"])
    for j in jobs[1:4]:
        expect(ask(w.alice, j).status == 202)
    a = ask(w.alice, jobs[4])  # jobs.per_key_max is 4
    expect(a.status == 429 and int(a.headers["retry-after"]) > 0 and "all yours" in a.json["detail"], a.body)
    later = w.bob.post(BODY).json["id"]
    w.root.ask("DELETE", "/v1/jobs/" + busy)
    w.bob.wait(later)
    for j in jobs[:4]:
        expect(outcome(w.alice, j)["outcome"] == "same")
    log = [json.loads(x) for x in w.d.admin("audit", "export").splitlines()]
    order = [r["subject"] for r in log if r["action"] in ("job.verified", "job.release", "job.withhold") and r["subject"] in [later, *jobs[:4]]]
    expect(order.index(later) < min(len(order) - 1 - order[::-1].index(j) for j in jobs[:4]), order)


def a_difference_is_found_and_named(w):
    by_seed, by_file, by_name = (w.released({**BODY, "seed": s})["id"] for s in (600, 700, 800))
    w.d.stop()
    db = sqlite3.connect(w.d.data + "/snpgen.db")
    db.execute("UPDATE jobs SET seed = seed + 1 WHERE id = ?", (by_seed,))
    db.execute("UPDATE job_files SET sha256 = ? WHERE job_id = ? AND name IN ('cohort.bim', 'cohort.bed')", ("0" * 64, by_file))
    db.execute("DELETE FROM job_files WHERE job_id = ? AND name = 'cohort.fam'", (by_name,))
    db.commit()
    db.close()
    w.d.start()
    w.clients_again()
    for j in (by_seed, by_file, by_name):
        expect(ask(w.alice, j).status == 202)
    v = outcome(w.alice, by_seed)
    expect(v["outcome"] == "different" and v["reason"] == "other_genotypes", v)
    v = outcome(w.alice, by_file)
    expect(v["outcome"] == "different" and sorted(v["files_different"]) == ["cohort.bed", "cohort.bim"] and v["reason"] is None, v)
    expect(outcome(w.alice, by_name)["outcome"] == "different")  # a file more than was released
    expect(os.listdir(os.path.join(w.d.data, "quarantine")) == [])


def neither_worker_nor_daemon_must_live_through_it(w):
    job = w.released(SLOW)
    files = files_of(w.d, job["id"])
    ask(w.alice, job["id"])
    until_running(w, job["id"])
    for pid in w.d.workers():
        os.kill(pid, signal.SIGKILL)
    expect(outcome(w.alice, job["id"])["outcome"] == "same")
    untouched(w, job, files)
    for how in (signal.SIGKILL, signal.SIGTERM):
        wish = ask(w.alice, job["id"]).json["id"]
        until_running(w, job["id"])
        w.d.stop(how)
        db = sqlite3.connect(w.d.data + "/snpgen.db")
        row = db.execute("SELECT state, attempts FROM verifications WHERE id = ?", (wish,)).fetchone()
        db.close()
        expect(row == (("running", 1) if how == signal.SIGKILL else ("queued", 0)), row)
        w.d.start()
        w.clients_again()
        v = outcome(w.alice, job["id"])
        expect(v["outcome"] == "same" and v["id"] == wish, v)
        untouched(w, job, files)


def what_cannot_be_made_again_fails_with_a_reason(_):
    d = Daemon(sys.argv[1], sys.argv[2], "gone")
    own = os.path.join(d.folder, "model")
    shutil.copytree(os.path.join(sys.argv[2], "model"), own)
    text = open(d.config, encoding="utf-8").read()
    with open(d.config, "w", encoding="utf-8") as f:
        f.write(text.replace(sys.argv[2] + "/model", own))
    d.start()
    c = d.client(d.key("alice"))
    job = c.wait(c.post(BODY).json["id"])
    expect(job["state"] == "released", job)
    with open(os.path.join(own, "card.json"), "a", encoding="utf-8") as f:
        f.write("\n \n")  # another version
    d.stop()
    d.start()
    c.port = d.port
    expect(ask(c, job["id"]).status == 202)
    v = outcome(c, job["id"])
    expect(v["outcome"] == "failed" and v["reason"] == "model_changed" and v["files_compared"] == 0, v)
    expect(c.get("/v1/jobs/" + job["id"]).json["state"] == "released")
    d.remove()


CASES = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == "__main__"
         and f.__name__ not in ("World", "finish", "ask", "outcome", "until_running", "files_of", "untouched")]


def finish(w, bad):
    code = w.d.stop()
    if bad or code != 0:
        print(f"daemon exit {code}; the end of its log:\n" + w.d.log()[-2500:])
    w.d.remove()
    if code != 0:
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(run(CASES, World, finish, sys.argv[3:]))
