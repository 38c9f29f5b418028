#!/usr/bin/env python3
"""A disk that fails at any one write or sync, a clock that jumps, a damaged database, two daemons on one folder. After each: no
accepted job is lost, nothing is released twice, the audit log verifies.   storage.py BIN_DIR FIXTURE_DIR SHIM [--every N] [CASE...]"""
import mmap
import os
import sqlite3
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kill
from kill import BODY, check_released, check_whole
from daemon import Client, Daemon, Failed, expect, run

DAY_MS = 86400000
EVERY = 1  # of the writes and syncs, this one and every N-th after it fails


class Shim:
    """The numbers of shim.c."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "control")
        with open(self.path, "wb") as f:
            f.write(bytes(4096))
        self.file = open(self.path, "r+b")
        self.at = mmap.mmap(self.file.fileno(), 4096)

    def get(self, i):
        return struct.unpack_from("q", self.at, 8 * i)[0]

    def set(self, i, value):
        struct.pack_into("q", self.at, 8 * i, value)

    def clock(self, ms):
        self.set(0, ms)

    def calls(self):
        return self.get(1)

    def fail(self, after, n=1):
        """The call that is `after` ones away, and those that follow it; returns nothing, failed() counts."""
        self.set(4, 0)
        self.set(3, n)
        self.set(2, self.calls() + after)

    def failed(self):
        return self.get(4)


def with_shim(name, **config):
    d = Daemon(sys.argv[1], sys.argv[2], name, **{"jobs__attempts_max": 1000, "jobs__per_key_max": 1000, "jobs__queue_max": 1000, **config})
    shim = Shim(d.folder)
    d.wrap = ["env", "LD_PRELOAD=" + os.path.abspath(sys.argv[3]), "SG_FAULT_CONTROL=" + shim.path]
    d.start()
    expect(shim.calls() > 0, "the shim is not in the daemon")
    return d, shim


def settled(c, job):
    return c.wait(job, until=("released", "withheld", "failed", "cancelled"))


def any_one_write_or_sync_may_fail_and_nothing_is_lost(w):
    d, shim = with_shim("eio")
    c = d.client(d.key("alice"))
    seed = w.seeds[0]
    jobs = {}
    before = shim.calls()
    jobs[c.post({**BODY, "seed": seed}).json["id"]] = seed
    settled(c, next(iter(jobs)))
    time.sleep(1.2)  # and the checkpoint of the audit log
    whole = shim.calls() - before
    expect(whole > 10, whole, "calls for one job: too few to be all")
    hit = 0
    for after in range(1, whole + 3, EVERY):
        shim.fail(after)
        a = c.post({**BODY, "seed": seed})
        expect(a.status in (202, 503), a.status, a.body)
        if a.status == 202:
            jobs[a.json["id"]] = seed
            j = settled(c, a.json["id"])
            expect(j["state"] == "released", after, j)
        hit += shim.failed()
        shim.set(2, 0)
        expect(c.get("/livez").status == 200)
    expect(hit > whole / 2 / EVERY, hit, "of", whole, "calls were hit")
    for job in jobs:
        check_released(w, d, c, job, seed)
    expect(len(c.get("/v1/jobs?page_size=100").json["jobs"]) == min(100, len(jobs)), len(jobs))
    check_whole(d, jobs)
    print(f"     {hit} failures, {len(jobs)} requests accepted")
    d.stop()
    d.wrap = []
    d.start()
    check_whole(d, jobs)
    d.remove()


def a_disk_that_fails_for_a_while_is_waited_for(w):
    d, shim = with_shim("broken")
    c = d.client(d.key("alice"))
    jobs = {}
    for round_ in range(3):
        job = c.post({**BODY, "seed": w.seeds[1]}).json["id"]
        jobs[job] = w.seeds[1]
        if round_:
            c.wait(job, until=("running", "released"))
        shim.fail(1, 10**9)
        time.sleep(0.7)
        expect(c.post({**BODY, "seed": w.seeds[1]}).status == 503)
        expect(c.get("/v1/jobs/" + job).status == 200)
        shim.set(2, 0)
    for job, seed in jobs.items():
        check_released(w, d, c, job, seed)
    check_whole(d, jobs)
    d.stop()
    d.remove()


def a_clock_that_jumps_stops_nothing(w):
    d, shim = with_shim("clock", auth__failures_free=1)
    c = d.client(d.key("alice"))
    jobs = {}
    for days in (30, 0, -30, 400, -400, 0):
        job = c.post({**BODY, "seed": w.seeds[0]}).json["id"]
        stream = c.stream(f"/v1/jobs/{job}/events")
        shim.clock(days * DAY_MS)
        stream.until("released", job)  # who waits is woken
        jobs[job] = w.seeds[0]
        started = time.time()
        a = c.ask("POST", "/v1/jobs", {**BODY, "seed": w.seeds[1]}, {"Prefer": "wait=20"})
        expect(a.json["state"] == "released" and time.time() - started < 15, days, a.json)
        jobs[a.json["id"]] = w.seeds[1]
        long = c.post({"model": "tiny", "cohort": {"cases": 20000, "controls": 20000}}).json["id"]
        c.wait(long, until=("running",))
        p = c.stream(f"/v1/jobs/{long}/events")
        started = time.time()
        while p.next()["event"] != "progress":
            expect(time.time() - started < 5, "no progress is told after the jump")
        p.close()
        c.ask("DELETE", "/v1/jobs/" + long)
        expect(c.wait(long)["state"] == "cancelled")
        time.sleep(0.3)
        started = time.time()
        expect(Client(d.port, "sgk_wrong").get("/v1/jobs").status == 401)  # put off for some tenths of a second, with nobody to wake it
        expect(time.time() - started < 6, "put off for", time.time() - started)
    for job, seed in jobs.items():
        check_released(w, d, c, job, seed)
    ids = [j["id"] for j in c.get("/v1/jobs?page_size=100&state=released").json["jobs"]]
    expect(ids == list(jobs)[::-1], "the order of acceptance is lost")
    check_whole(d, jobs)
    d.stop()
    d.remove()


def a_second_daemon_on_the_folder_says_so_and_the_first_goes_on(w):
    d = w.daemon("twice")
    c = d.client(d.key("alice"))
    job = c.post({**BODY, "seed": w.seeds[0]}).json["id"]
    for _ in range(3):
        r = subprocess.run([f"{d.bin}/snpgend", "--config", d.config], capture_output=True, text=True, check=False, timeout=60)
        expect(r.returncode == 1 and "another snpgend uses this data folder" in r.stderr, r.stderr)
    check_released(w, d, c, job, w.seeds[0])
    expect(c.get("/readyz").status == 200 and int(open(d.data + "/http.port", encoding="utf-8").read()) == d.port)
    check_whole(d, [job])
    d.stop()
    d.remove()


def a_damaged_page_is_told_in_words_and_a_whole_copy_brings_everything_back(w):
    d = w.daemon("damaged")
    c = d.client(d.key("alice"))
    job = c.post({**BODY, "seed": w.seeds[0]}).json["id"]
    check_released(w, d, c, job, w.seeds[0])
    d.stop()
    path = d.data + "/snpgen.db"
    whole = open(path, "rb").read()
    db = sqlite3.connect(path)
    pages = {name: page for name, page in db.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0 AND type = 'table'")}
    db.close()
    whole = open(path, "rb").read()
    for name in ("jobs", "audit_log", "keys", "events", "job_files"):
        at = 4096 * (pages[name] - 1)
        with open(path, "wb") as f:
            f.write(whole[:at] + os.urandom(4096) + whole[at + 4096:])
        with open(d.log_path, "w", encoding="utf-8") as log:
            code = None
            p = subprocess.Popen([f"{d.bin}/snpgend", "--config", d.config], stderr=log)
            end = time.time() + 20
            port = None
            while time.time() < end and code is None and port is None:
                code = p.poll()
                if os.path.exists(d.data + "/http.port"):
                    port = int(open(d.data + "/http.port", encoding="utf-8").read() or 0) or None
                time.sleep(0.02)
            if code is None and port:  # it serves what it can, and never anything that is not sound
                for url in ("/v1/jobs", f"/v1/jobs/{job}", f"/v1/jobs/{job}/files/cohort.bed"):
                    a = Client(port, c.key).ask("GET", url, checked=False)
                    expect(a.status in (200, 401, 404, 500, 503), name, url, a.status)
                p.terminate()
                p.wait(30)
            else:
                expect(code == 1, name, code)
        said = d.log()
        print(f"     {name}: {'served' if port else 'refused'}")
        expect("malformed" in said or "audit log is broken" in said or "corrupt" in said, name, said[-1500:])
    with open(path, "wb") as f:
        f.write(whole)
    d.start()
    c.port = d.port
    check_released(w, d, c, job, w.seeds[0])
    check_whole(d, [job])
    d.stop()
    d.remove()


CASES = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == "__main__"
         and f.__name__ not in ("Shim", "with_shim", "settled")]

if __name__ == "__main__":
    args = sys.argv[4:]
    if args and args[0] == "--every":
        EVERY = int(args[1])
        args = args[2:]
    sys.exit(run(CASES, kill.World, lambda w, bad: None, args))
