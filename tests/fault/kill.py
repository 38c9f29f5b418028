#!/usr/bin/env python3
"""kill -9 of the daemon and of its worker at many moments, hanging workers, full disks. After each: no accepted job is lost,
nothing is released unchecked or twice, the same seed gave the same people, the audit log verifies, no human was needed.
kill.py BIN_DIR FIXTURE_DIR [--rounds N] [CASE...]"""
import hashlib
import http.client
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))
from daemon import Client, Daemon, Failed, expect, run

BODY = {"model": "tiny", "cohort": {"cases": 30, "controls": 30}, "formats": ["plink", "npy"]}
ROUNDS = 30
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class World:
    """What an undisturbed daemon makes of some seeds: the bytes that every disturbed one must make too."""

    def __init__(self):
        d = self.daemon("reference")
        c = d.client(d.key("alice"))
        jobs = {seed: c.post({**BODY, "seed": seed}).json["id"] for seed in range(12)}
        self.people = {}
        for seed, job in jobs.items():  # a model this small has seeds that the gate withholds
            j = c.wait(job)
            expect(j["state"] in ("released", "withheld"), j)
            if j["state"] == "released":
                self.people[seed] = {f["name"]: f["sha256"] for f in j["files"] if f["name"].startswith(("cohort", "labels"))}
        self.seeds = list(self.people)[:4]
        expect(len(self.seeds) == 4, "too few of", len(jobs), "cohorts are released:", self.seeds)
        d.stop()
        d.remove()

    def daemon(self, name, **config):
        d = Daemon(sys.argv[1], sys.argv[2], name, **{"jobs__attempts_max": 1000, "jobs__per_key_max": 1000, "jobs__queue_max": 1000,
                                                      **config})
        d.start()
        return d


def check_released(w, d, c, job, seed):
    """Released, whole on the disk, downloadable, and the people of this seed."""
    j = c.wait(job)
    expect(j["state"] == "released", j)
    for f in j["files"]:
        a = c.get(f"/v1/jobs/{job}/files/{f['name']}")
        expect(a.status == 200 and hashlib.sha256(a.body).hexdigest() == f["sha256"], job, f)
        with open(f"{d.data}/releases/{job}/{f['name']}", "rb") as g:
            expect(hashlib.sha256(g.read()).hexdigest() == f["sha256"], job, f)
    got = {f["name"]: f["sha256"] for f in j["files"] if f["name"] in w.people[seed]}
    expect(got == w.people[seed], "seed", seed, "gave other people after a crash")


def check_whole(d, released):
    """Of the folder and the chain: each release once, nothing else there."""
    expect("the log is whole" in d.admin("audit", "verify"))
    rows = [json.loads(line) for line in d.admin("audit", "export").splitlines()]
    for job in released:
        n = sum(r["action"] == "job.release" and r["subject"] == job for r in rows)
        expect(n == 1, job, "was released", n, "times")
    expect(set(os.listdir(d.data + "/releases")) == set(released), "folders of releases")
    expect(os.listdir(d.data + "/quarantine") == [], "quarantine")


def nothing_early(d, c, job):
    """What is not released cannot be read, whatever lies in the folders."""
    j = c.get("/v1/jobs/" + job).json
    if j["state"] != "released":
        a = c.get(f"/v1/jobs/{job}/files/cohort.bed")
        expect(a.status == 404 or c.get("/v1/jobs/" + job).json["state"] == "released", job, j["state"], a.status)


def gone(pids, seconds=3):
    end = time.time() + seconds
    while time.time() < end:
        alive = []
        for pid in pids:
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                    if f.read().rsplit(")", 1)[1].split()[0] not in "ZX":
                        alive.append(pid)
            except OSError:
                pass
        if not alive:
            return
        time.sleep(0.01)
    raise Failed(f"workers {alive} outlive their daemon")


def kill_daemon(d):
    workers = d.workers()
    d.stop(signal.SIGKILL)
    gone(workers)


def kill_worker(d):
    for pid in d.workers():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def the_daemon_dies_at_random_moments(w):
    d = w.daemon("daemon")
    key = d.key("alice")
    c = d.client(key)
    rng = random.Random(1)
    jobs = {}
    for i in range(6):
        jobs[c.post({**BODY, "seed": w.seeds[i % 4]}).json["id"]] = w.seeds[i % 4]
    for i in range(ROUNDS):
        if len(jobs) < 6 + i // 3:
            jobs[c.post({**BODY, "seed": w.seeds[i % 4]}).json["id"]] = w.seeds[i % 4]
        time.sleep(rng.random() * 0.9)
        kill_daemon(d)
        c.port = d.start()
        for job in jobs:
            nothing_early(d, c, job)
    for job, seed in jobs.items():
        check_released(w, d, c, job, seed)
    check_whole(d, jobs)
    attempts = sum(c.get("/v1/jobs/" + job).json["attempts"] for job in jobs)
    print(f"     {ROUNDS} kills, {len(jobs)} jobs, {attempts} attempts")
    d.stop()
    d.remove()


def the_worker_dies_at_random_moments(w):
    d = w.daemon("worker")
    c = d.client(d.key("alice"))
    rng = random.Random(2)
    jobs = {c.post({**BODY, "seed": w.seeds[i % 4]}).json["id"]: w.seeds[i % 4] for i in range(6)}
    kills = 0
    end = time.time() + 30
    while time.time() < end and kills < ROUNDS // 3:
        time.sleep(rng.random() * 0.8)
        kills += len(d.workers())
        kill_worker(d)
    for job, seed in jobs.items():
        check_released(w, d, c, job, seed)
    check_whole(d, jobs)
    print(f"     {kills} kills")
    d.stop()
    d.remove()


def both_die_when_a_stage_or_a_folder_appears(w):
    """Not random: the moment a job starts, a stage begins, a file appears in quarantine, a release folder appears."""
    d = w.daemon("moments")
    c = d.client(d.key("alice"))
    jobs = {}

    def files_in_quarantine():
        return any(os.listdir(os.path.join(d.data, "quarantine", x)) for x in os.listdir(d.data + "/quarantine"))

    def stage(name):
        return lambda job: c.get("/v1/jobs/" + job).json.get("stage") == name

    moments = [("running", lambda job: c.get("/v1/jobs/" + job).json["state"] == "running"), ("sampling", stage("sampling")),
               ("checking", stage("checking")), ("packaging", stage("packaging")), ("folder", lambda job: os.listdir(d.data + "/quarantine")),
               ("files", lambda job: files_in_quarantine()),
               ("manifest", lambda job: any(os.path.exists(f"{d.data}/quarantine/{x}/manifest.json")
                                            for x in os.listdir(d.data + "/quarantine"))),
               ("release", lambda job: os.path.exists(f"{d.data}/releases/{job}"))]
    met = {}
    for name, moment in moments:
        for victim in (kill_daemon, kill_worker):
            for _ in range(1 + (ROUNDS >= 30)):
                job = c.post({**BODY, "seed": w.seeds[1]}).json["id"]
                jobs[job] = w.seeds[1]
                end = time.time() + 20
                while time.time() < end:
                    try:
                        if moment(job):
                            met[name] = met.get(name, 0) + 1
                            break
                    except OSError:
                        continue
                    if c.get("/v1/jobs/" + job).json["state"] == "released":
                        break  # too fast to be caught this time
                victim(d)
                if victim is kill_daemon:
                    c.port = d.start()
                nothing_early(d, c, job)
                check_released(w, d, c, job, w.seeds[1])
    check_whole(d, jobs)
    print(f"     moments met: {met}")
    d.stop()
    d.remove()


def no_accepted_request_is_lost_when_the_daemon_dies_while_they_pour_in(w):
    d = w.daemon("pour")
    key = d.key("alice")
    accepted, lock = {}, threading.Lock()
    stop = threading.Event()

    def pour(n):
        i = 0
        while not stop.is_set():
            i += 1
            try:
                a = Client(d.port, key).post({**BODY, "cohort": {"cases": 1, "controls": 1}}, Idempotency_Key=f"{n}-{i}")
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
                continue
            if a.status == 202:
                with lock:
                    accepted[a.json["id"]] = (n, i)

    threads = [threading.Thread(target=pour, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    rng = random.Random(3)
    for _ in range(5):
        time.sleep(0.1 + rng.random() * 0.3)
        kill_daemon(d)
        d.start(ready=False)
    stop.set()
    for t in threads:
        t.join()
    d.start() if d.process.poll() is not None else None
    c = Client(d.port, key)
    for job in accepted:
        expect(c.get("/v1/jobs/" + job).status == 200, "lost", job)
    total, token = 0, None
    while True:
        page = c.get("/v1/jobs?page_size=100" + (f"&page_token={token}" if token else "")).json
        total += len(page["jobs"])
        token = page["next_page_token"]
        if not token:
            break
    print(f"     {len(accepted)} accepted, {total} stored")
    expect("the log is whole" in d.admin("audit", "verify"))
    d.stop()
    d.remove()


def a_job_that_kills_its_worker_every_time_fails_and_the_next_one_runs(w):
    d = w.daemon("poison", jobs__attempts_max=2)
    c = d.client(d.key("alice"))
    poison = c.post({**BODY, "cohort": {"cases": 20000, "controls": 20000}}).json["id"]
    nice = c.post({**BODY, "seed": w.seeds[2]}).json["id"]
    for _ in range(2):
        c.wait(poison, until=("running",))
        time.sleep(0.1)
        kill_worker(d)
        c.wait(poison, until=("queued", "failed"))
    j = c.wait(poison)
    expect(j["state"] == "failed" and j["reason"] == "worker_died" and j["attempts"] == 2, j)
    check_released(w, d, c, nice, w.seeds[2])
    check_whole(d, [nice])
    d.stop()
    d.remove()


def a_stop_parks_the_running_job_and_costs_it_no_attempt(w):
    d = w.daemon("park", jobs__attempts_max=2)
    c = d.client(d.key("alice"))
    job = c.post({**BODY, "cohort": {"cases": 20000, "controls": 20000}}).json["id"]
    for _ in range(3):
        c.wait(job, until=("running",))
        started = time.time()
        code = d.stop()
        expect(code == 0 and time.time() - started < 12, "exit", code, time.time() - started, d.log()[-1500:])
        c.port = d.start()
    c.wait(job, until=("running",))
    expect(c.get("/v1/jobs/" + job).json["attempts"] == 1)
    c.ask("DELETE", "/v1/jobs/" + job)
    expect(c.wait(job)["state"] == "cancelled")
    check_whole(d, [])
    d.stop()
    d.remove()


def a_cancel_survives_the_death_of_either(w):
    for victim in (kill_daemon, kill_worker):
        d = w.daemon("cancel")
        c = d.client(d.key("alice"))
        job = c.post({**BODY, "cohort": {"cases": 20000, "controls": 20000}}).json["id"]
        c.wait(job, until=("running",))
        for pid in d.workers():
            os.kill(pid, signal.SIGSTOP)  # so that it cannot answer
        expect(c.ask("DELETE", "/v1/jobs/" + job).status == 202)
        victim(d)
        if victim is kill_daemon:
            c.port = d.start()
        expect(c.wait(job, 20)["state"] == "cancelled")
        check_whole(d, [])
        d.stop()
        d.remove()


def a_hanging_worker_is_killed_at_the_deadline(w):
    d = w.daemon("hang", jobs__deadline_s=5, worker__cancel_grace_s=1)
    c = d.client(d.key("alice"))
    job = c.post({**BODY, "cohort": {"cases": 20000, "controls": 20000}}).json["id"]
    after = c.post({**BODY, "seed": w.seeds[3]}).json["id"]
    c.wait(job, until=("running",))
    for pid in d.workers():
        os.kill(pid, signal.SIGSTOP)
    j = c.wait(job, 30)
    expect(j["state"] == "failed" and j["reason"] == "deadline", j)
    check_released(w, d, c, after, w.seeds[3])
    slow = c.wait(c.post({**BODY, "cohort": {"cases": 20000, "controls": 20000}}).json["id"], 30)
    expect(slow["state"] == "failed" and slow["reason"] == "deadline", slow)  # merely slow: stops when asked
    d.stop()
    d.remove()


def a_worker_that_cannot_write_fails_the_job_in_words_and_the_next_one_runs(w):
    d = w.daemon("full", jobs__attempts_max=2)
    c = d.client(d.key("alice"))
    for pid in d.workers():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    j = c.wait(c.post({**BODY, "seed": w.seeds[1]}).json["id"])
    expect(j["state"] == "failed" and j["reason"] == "storage_failed" and j["attempts"] == 2, j)
    expect("File too large" in d.log())
    check_whole(d, [])
    for pid in d.workers():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, UNLIMITED)
    job = c.post({**BODY, "seed": w.seeds[1]}).json["id"]
    check_released(w, d, c, job, w.seeds[1])
    d.stop()
    d.remove()


def a_daemon_that_cannot_write_says_503_and_goes_on_when_it_can(w):
    d = w.daemon("dbfull")
    c = d.client(d.key("alice"))
    first = c.post({**BODY, "seed": w.seeds[0]}).json["id"]
    check_released(w, d, c, first, w.seeds[0])
    jobs = {first: w.seeds[0]}
    for round_ in range(4):
        job = c.post({**BODY, "seed": w.seeds[1]}).json["id"]
        jobs[job] = w.seeds[1]
        if round_ % 2:
            c.wait(job, until=("running", "released"))
        resource.prlimit(d.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        time.sleep(0.8)
        a = c.post({**BODY, "seed": w.seeds[2]})
        expect(a.status == 503 and "retry-after" in a.headers, a.status, a.body)
        expect(c.get("/v1/jobs/" + job).status == 200)
        resource.prlimit(d.process.pid, resource.RLIMIT_FSIZE, UNLIMITED)
    for job, seed in jobs.items():
        check_released(w, d, c, job, seed)
    expect(len(c.get("/v1/jobs?page_size=100").json["jobs"]) == len(jobs))
    check_whole(d, jobs)
    d.stop()
    d.remove()


def a_full_file_system_loses_nothing_and_releases_nothing_half_written(w):
    """A file system of its own that is filled to the last byte while jobs are queued, then freed."""
    d = Daemon(sys.argv[1], sys.argv[2], "tmpfs", jobs__attempts_max=1000)
    os.makedirs(d.data, 0o700)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", d.data], capture_output=True, check=False).returncode:
        print("     SKIP: mounting a file system takes root")
        d.remove()
        return
    try:
        d.start()
        c = d.client(d.key("alice"))
        filler = os.path.join(d.data, "filler")
        jobs = {c.post({**BODY, "seed": w.seeds[0]}).json["id"]: w.seeds[0]}
        for round_ in range(4):
            job = c.post({**BODY, "seed": w.seeds[1]}).json["id"]
            jobs[job] = w.seeds[1]
            if round_ % 2:
                c.wait(job, until=("running", "released"))
            with open(filler, "wb", buffering=0) as f:
                for size in (65536, 4096, 1):
                    try:
                        while True:
                            f.write(bytes(size))
                    except OSError:
                        pass
            time.sleep(0.8)
            a = c.post({**BODY, "seed": 2, "cohort": {"cases": 1, "controls": 1}})
            expect(a.status in (202, 503), a.status, a.body)  # a page already taken may hold one more row
            if a.status == 202:
                c.ask("DELETE", "/v1/jobs/" + a.json["id"])
            nothing_early(d, c, job)
            if round_ == 2:  # and a daemon that dies on a full disk starts again when there is room
                kill_daemon(d)
            os.unlink(filler)
            if round_ == 2:
                c.port = d.start()
        for job, seed in jobs.items():
            check_released(w, d, c, job, seed)
        expect("the log is whole" in d.admin("audit", "verify"))
        expect(os.listdir(d.data + "/quarantine") == [], "quarantine")
        d.stop()
    finally:
        d.stop(signal.SIGKILL)
        subprocess.run(["umount", d.data], check=False)
        d.remove()


CASES = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == "__main__"
         and f.__name__ not in ("World", "check_released", "check_whole", "nothing_early", "gone", "kill_daemon", "kill_worker",
                                "finish")]


def finish(_w, _bad):
    pass


if __name__ == "__main__":
    args = sys.argv[3:]
    if args and args[0] == "--rounds":
        ROUNDS = int(args[1])
        args = args[2:]
    sys.exit(run(CASES, World, finish, args))
