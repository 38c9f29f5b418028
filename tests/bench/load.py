#!/usr/bin/env python3
"""The daemon under load, as a table: polling, event streams, jobs, submissions, downloads, and with --soak a long mixed run.
Client, daemon and worker share the machine, so a row also says what the daemon's own processor time allows.
load.py BIN_DIR FIXTURE_DIR [--seconds S] [--soak SECONDS] [ROW...]"""
import argparse
import http.client
import json
import os
import random
import re
import resource
import selectors
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))
from daemon import Client, Daemon, Failed, expect

BODY = {"model": "tiny", "cohort": {"cases": 50, "controls": 50}, "formats": ["plink"]}
N_STREAM, N_SUBMIT = 1000, 1000


def say(name, result):
    print(f"| {name} | {result} |", flush=True)


def percentile(values, p):
    v = sorted(values)
    return v[min(len(v) - 1, int(p / 100 * len(v)))]


def ms(seconds):
    return f"{1000 * seconds:.1f} ms" if seconds < 10 else f"{seconds:.1f} s"


class World:
    def __init__(self, args):
        self.seconds, self.soak = args.seconds, args.soak
        self.d = Daemon(args.bin, args.fixture, "load", http__connections_max=4000, http__connections_per_address_max=4000,
                        http__threads=1, http__streams_max=2000, http__streams_per_owner_max=2000, jobs__queue_max=100000,
                        jobs__per_key_max=100000, jobs__people_per_day=10**9, jobs__people_per_day_per_model=10**9,
                        worker__threads=1)
        self.d.start()
        self.key = self.d.key("alice")
        self.c = self.d.client(self.key)
        for seed in range(20):  # the gate withholds some of so small a model's cohorts
            job = self.c.post({**BODY, "seed": seed}).json["id"]
            if self.c.wait(job)["state"] == "released":
                self.job = job
                return
        raise Failed("none of 20 cohorts was released")

    def cpu_s(self):
        with open(f"/proc/{self.d.process.pid}/stat", encoding="utf-8") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def status(self, name):
        with open(f"/proc/{self.d.process.pid}/status", encoding="utf-8") as f:
            return int(re.search(rf"^{name}:\s+(\d+)", f.read(), re.M)[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.d.process.pid}/fd"))

    def wrk(self, path, connections, *headers):
        """(requests, bytes, p50 s, p99 s, wall s, processor s of the daemon) of one run"""
        words = ["wrk", "-t1", f"-c{connections}", f"-d{self.seconds}s", "--latency", "-H", f"Authorization: Bearer {self.key}"]
        for h in headers:
            words += ["-H", h]
        script = os.path.join(self.d.folder, "done.lua")
        with open(script, "w", encoding="utf-8") as f:
            f.write('done = function(s, l, r) local e = s.errors; io.write(string.format("DONE %d %d %f %f %f %d\\n", s.requests, '
                    "s.bytes, l:percentile(50) / 1e6, l:percentile(99) / 1e6, s.duration / 1e6, "
                    "e.connect + e.read + e.write + e.timeout + e.status)) end\n")
        before = self.cpu_s()
        r = subprocess.run([*words, "-s", script, f"http://127.0.0.1:{self.d.port}{path}"], capture_output=True, text=True, check=False)
        done = re.search(r"^DONE (.*)$", r.stdout, re.M)
        expect(done, "wrk says", r.stdout, r.stderr)
        n, n_bytes, p50, p99, wall, errors = map(float, done[1].split())
        expect(errors == 0, path, "errors", errors)
        return int(n), n_bytes, p50, p99, wall, self.cpu_s() - before


def polling(w):
    if not shutil.which("wrk"):
        say("polling", "not measured: wrk is not installed")
        return
    def row(name, path, *headers):
        n, _, p50, p99, wall, cpu = w.wrk(path, 16, *headers)
        say(name, f"{n / wall:,.0f} requests/s, p50 {ms(p50)}, p99 {ms(p99)}; the daemon took {cpu / wall:.2f} cores: "
                  f"{n / cpu:,.0f} requests per core and second")
    url = "/v1/jobs/" + w.job
    etag = w.c.get(url).headers["etag"]
    row("GET /livez, 16 connections", "/livez")
    row("GET /v1/jobs/{id} of a finished job, 16 connections", url)
    row("the same with If-None-Match (304)", url, f"If-None-Match: {etag}")
    long = w.c.post({"model": "tiny", "cohort": {"cases": 20000, "controls": 20000}}).json["id"]
    w.c.wait(long, until=("running",))
    row("GET /v1/jobs/{id} of a finished job, while another samples", url)
    row("GET /v1/jobs/{id} of the job that samples", "/v1/jobs/" + long)
    state = w.c.get("/v1/jobs/" + long).json["state"]
    w.c.ask("DELETE", "/v1/jobs/" + long)
    w.c.wait(long)
    if state != "running":
        print("  (the sampling job ended before the row did)")


def streams(w):
    before = w.status("VmRSS")
    request = f"GET /v1/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {w.key}\r\n\r\n".encode()
    waiting = selectors.DefaultSelector()
    started = time.time()
    held = []
    for _ in range(N_STREAM):
        s = socket.create_connection(("127.0.0.1", w.d.port), timeout=30)
        s.sendall(request)
        held.append(s)
    for s in held:
        got = b""
        while b"\r\n\r\n" not in got:
            got += s.recv(4096)
        expect(got.startswith(b"HTTP/1.1 200"), got[:200])
        s.setblocking(False)
        waiting.register(s, selectors.EVENT_READ)
    opened = time.time() - started
    time.sleep(1)
    for key, _ in waiting.select(0):  # what came before the event we wait for
        key.fileobj.recv(65536)
    rounds, rss = [], w.status("VmRSS")
    c = http.client.HTTPConnection("127.0.0.1", w.d.port)
    for _ in range(5):
        missing, took = set(held), []
        started = time.time()
        c.request("POST", "/v1/jobs", json.dumps(BODY), {"Authorization": f"Bearer {w.key}", "Content-Type": "application/json"})
        job = None
        while missing:
            for key, _ in waiting.select(10):
                got = key.fileobj.recv(65536)
                expect(got, "a stream ended")
                if b'"queued"' in got and key.fileobj in missing:
                    missing.remove(key.fileobj)
                    took.append(time.time() - started)
            expect(time.time() - started < 30, len(missing), "streams heard nothing")
            if job is None:
                answer = c.getresponse()
                job = json.loads(answer.read())["id"]
                expect(answer.status == 202)
        rounds.append(took)
        w.c.wait(job)
        time.sleep(0.5)
        while waiting.select(0):
            for key, _ in waiting.select(0):
                key.fileobj.recv(65536)
    every = [t for took in rounds for t in took]
    say(f"{N_STREAM:,} event streams held", f"opened in {ms(opened)}; daemon {rss // 1024} MiB ({(rss - before) / N_STREAM:.0f} KiB "
        f"each), {w.status('Threads')} threads")
    say("one event to all of them, from before the POST that makes it", f"p50 {ms(percentile(every, 50))}, p99 "
        f"{ms(percentile(every, 99))}, the last {ms(max(every))} ({len(rounds)} events)")
    for s in held:
        s.close()


def jobs(w):
    took, states = [], {}
    for seed in range(30):
        started = time.time()
        a = w.c.ask("POST", "/v1/jobs", {**BODY, "seed": seed}, {"Prefer": "wait=60"})
        took.append(time.time() - started)
        states[a.json["state"]] = states.get(a.json["state"], 0) + 1
    say("100 people, from submission to their end", f"p50 {ms(percentile(took, 50))}, p99 {ms(percentile(took, 99))} ({states})")


def submissions(w):
    """In a row on one connection, and all at once on as many; the worker does little beside: it is the same two cores."""
    body = json.dumps({"model": "tiny", "cohort": {"cases": 1, "controls": 1}, "formats": ["plink"]})
    headers = {"Authorization": f"Bearer {w.key}", "Content-Type": "application/json"}
    c = http.client.HTTPConnection("127.0.0.1", w.d.port)
    ids, took, started = set(), [], time.time()
    for _ in range(N_SUBMIT):
        t = time.time()
        c.request("POST", "/v1/jobs", body, headers)
        r = c.getresponse()
        expect(r.status == 202, r.status)
        ids.add(json.loads(r.read())["id"])
        took.append(time.time() - t)
    wall = time.time() - started
    say(f"{N_SUBMIT:,} submissions in a row, one connection", f"{N_SUBMIT / wall:,.0f}/s, p50 {ms(percentile(took, 50))}, p99 {ms(percentile(took, 99))}")
    text = "POST /v1/jobs HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    text = (text + f"Content-Length: {len(body)}\r\n\r\n{body}").encode()
    many = [socket.create_connection(("127.0.0.1", w.d.port), timeout=60) for _ in range(N_SUBMIT)]
    started = time.time()
    for s in many:
        s.sendall(text)
    accepted = 0
    for s in many:
        got = b""
        while part := s.recv(65536):
            got += part
        expect(got.startswith(b"HTTP/1.1 202"), got[:200])
        ids.add(re.search(rb'"id":"([^"]+)"', got)[1].decode())
        accepted += 1
        s.close()
    wall = time.time() - started
    stored, token = set(), None
    while token or not stored:
        page = w.c.get("/v1/jobs?page_size=100" + (f"&page_token={token}" if token else "")).json
        stored |= {j["id"] for j in page["jobs"]}
        token = page["next_page_token"]
        if not token:
            break
    expect(len(ids) == 2 * N_SUBMIT, len(ids))
    say(f"{N_SUBMIT:,} submissions at once, each its own connection", f"{accepted} accepted in {ms(wall)} ({accepted / wall:,.0f}/s), "
        f"{len(ids - stored)} lost")
    expect(ids <= stored, "lost", len(ids - stored))


def downloads(w):
    """A file of 256 MiB in the place of a release's, on the disk and in the database: how it was made does not matter to who sends it."""
    if not shutil.which("wrk"):
        say("downloads", "not measured: wrk is not installed")
        return
    folder, size = f"{w.d.data}/releases/{w.job}", 256 << 20
    path = f"{folder}/cohort.bed"
    os.chmod(folder, 0o700)
    os.chmod(path, 0o600)
    with open(path, "wb") as f:
        block = os.urandom(1 << 20)
        for _ in range(size >> 20):
            f.write(block)
    w.d.stop()
    db = sqlite3.connect(w.d.data + "/snpgen.db")
    db.execute("UPDATE job_files SET bytes = ? WHERE job_id = ? AND name = 'cohort.bed'", (size, w.job))
    db.commit()
    db.close()
    w.c.port = w.d.start()
    url = f"/v1/jobs/{w.job}/files/cohort.bed"
    a = w.c.ask("HEAD", url)
    expect(a.status == 200 and int(a.headers["content-length"]) == size, a.status, a.headers)
    for name, headers, n in (("256 MiB file", (), 2), ("the same with Range, its second half", (f"Range: bytes={size // 2}-",), 2)):
        _, n_bytes, _, _, wall, cpu = w.wrk(url, n, *headers)
        say(f"download, {name}, {n} connections", f"{n_bytes / wall / 1e6:,.0f} MB/s; the daemon took {cpu / wall:.2f} cores")


def soak(w):
    if not w.soak:
        return
    end, counts, lock = time.time() + w.soak, {}, threading.Lock()

    def one(rng):
        c = w.d.client(w.key)
        kind = rng.choice(("poll", "poll", "poll", "list", "submit", "cancel", "stream", "file", "wrong key", "bad body"))
        if kind == "poll":
            c.get("/v1/jobs/" + w.job)
        elif kind == "list":
            c.get("/v1/jobs?page_size=100")
        elif kind == "submit":
            c.post({**BODY, "cohort": {"cases": 5, "controls": 5}}, Prefer="wait=1")
        elif kind == "cancel":
            c.ask("DELETE", "/v1/jobs/" + c.post({**BODY, "cohort": {"cases": 2000, "controls": 2000}}).json["id"])
        elif kind == "stream":
            s = c.stream(f"/v1/jobs/{w.job}/events")
            s.next()
            s.close()
        elif kind == "file":
            c.get(f"/v1/jobs/{w.job}/files/cohort.bim")
        elif kind == "wrong key":
            Client(w.d.port, "sgk_wrong").get("/v1/jobs")
        else:
            c.ask("POST", "/v1/jobs", "{", {"Content-Type": "application/json"})
        with lock:
            counts[kind] = counts.get(kind, 0) + 1

    def many(seed):
        rng = random.Random(seed)
        while time.time() < end:
            one(rng)
            time.sleep(0.02)

    threads = [threading.Thread(target=many, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    time.sleep(min(20, w.soak / 4))  # caches are warm
    start = (w.status("VmRSS"), w.descriptors())
    for t in threads:
        t.join()
    time.sleep(2)
    say(f"{w.soak} s of everything mixed", f"{sum(counts.values()):,} requests; daemon {start[0] / 1024:.1f} MiB at the start, "
        f"{w.status('VmRSS') / 1024:.1f} at the end; descriptors {start[1]} and {w.descriptors()}")


ROWS = [polling, streams, jobs, downloads, soak, submissions]  # the last leaves a long queue


def main():
    p = argparse.ArgumentParser()
    p.add_argument("bin")
    p.add_argument("fixture")
    p.add_argument("--seconds", type=int, default=5, help="of each wrk run")
    p.add_argument("--soak", type=int, default=0)
    p.add_argument("row", nargs="*", help=" ".join(r.__name__ for r in ROWS))
    args = p.parse_intermixed_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard < 65536 or hard > soft else soft, hard))
    w = World(args)
    print("| what | result |\n|---|---|")
    try:
        for row in ROWS:
            if not args.row or row.__name__ in args.row:
                row(w)
    finally:
        w.d.remove()


if __name__ == "__main__":
    main()
