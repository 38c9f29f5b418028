#!/usr/bin/env python3
"""What an operator does with the daemon: metrics, systemd, reload, backup and restore, upgrade.   operations.py BIN FIXTURE [CASE...]"""
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time

from daemon import Client, Daemon, Failed, expect, run

BODY = {"model": "tiny", "cohort": {"cases": 20, "controls": 20}, "seed": 7}


class World:
    def __init__(self):
        self.bin, self.fixture = sys.argv[1], sys.argv[2]
        self.started = []

    def daemon(self, name, **config):
        d = Daemon(self.bin, self.fixture, name, **config)
        self.started.append(d)
        return d


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return
        time.sleep(0.02)
    raise Failed("never: " + what)


def metrics(port):
    a = Client(port).ask("GET", "/metrics", checked=False)
    expect(a.status == 200 and a.headers["content-type"].startswith("text/plain; version=0.0.4"), a.status)
    found = {}
    for line in a.body.decode().splitlines():
        expect(re.fullmatch(r"# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z_]+=\"[^\"]*\",?)+\})? [-+0-9.e]+", line), line)
        if line[0] != "#":
            name, value = line.rsplit(" ", 1)
            expect(name not in found, "twice", name)
            found[name] = float(value)
    return found


def metrics_count_jobs_people_and_requests_on_the_admin_listener_alone(w):
    port = free_port()
    d = w.daemon("metrics", admin__port=port)
    d.start()
    c = d.client(d.key("alice"))
    job = c.wait(c.post(BODY).json["id"])
    expect(job["state"] == "released", job)
    expect(Client(d.port).ask("GET", "/metrics", checked=False).status == 404)
    expect(Client(d.port, "sgk_wrong").get("/v1/jobs").status == 401)
    # an answer is counted when it has gone, which the client may know before the counter does
    wait_for("the release is counted", lambda: 'snpgen_people_released_total{model="tiny",label="case"}' in metrics(port))
    wait_for("the answers are counted", lambda: {'snpgen_http_requests_total{method="POST",route="/v1/jobs",status="2xx"}',
             'snpgen_http_requests_total{method="GET",route="/v1/jobs",status="4xx"}'} <= set(metrics(port)))
    m = metrics(port)
    expect(m['snpgen_people_released_total{model="tiny",label="case"}'] == 20, m)
    expect(m['snpgen_jobs_finished_total{state="released",reason=""}'] == 1, m)
    expect(m["snpgen_jobs_submitted_total"] == 1 and m["snpgen_auth_failures_total"] == 1, m)
    expect(m['snpgen_http_requests_total{method="POST",route="/v1/jobs",status="2xx"}'] == 1, m)
    n = m['snpgen_http_request_seconds_count{method="GET",route="/v1/jobs/{id}"}']
    expect(n >= 1 and n == m['snpgen_http_request_seconds_bucket{method="GET",route="/v1/jobs/{id}",le="+Inf"}'], m)
    expect(m["snpgen_worker_ready"] == 1 and m["process_resident_memory_bytes"] > 1e6 and m["snpgen_models"] == 1, m)
    text = Client(port).ask("GET", "/metrics", checked=False).body.decode()
    expect("alice" not in text and job["id"] not in text)
    d.stop()


def notify_server(folder):
    path = os.path.join(folder, "notify")
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    s.settimeout(20)
    return s, path


def systemd_hears_ready_alive_reloading_and_stopping(w):
    d = w.daemon("notify")
    s, path = notify_server(d.folder)
    os.environ.update(NOTIFY_SOCKET=path, WATCHDOG_USEC="1500000")
    try:
        d.start()
    finally:
        del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
    heard = []

    def hear(word):
        while not any(word in x for x in heard):
            heard.append(s.recv(1024).decode())

    hear("READY=1")
    hear("WATCHDOG=1")
    heard.clear()
    d.process.send_signal(signal.SIGHUP)
    hear("RELOADING=1")
    hear("READY=1")
    d.stop()
    hear("STOPPING=1")


def a_socket_that_systemd_opened_is_served(w):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(16)
        port = s.getsockname()[1]
        d = w.daemon("activated")
        code = (f"import os; os.dup2({s.fileno()}, 3); os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()));"
                f"os.execv('{w.bin}/snpgend', ['snpgend', '--config', '{d.config}'])")
        d.process = subprocess.Popen([sys.executable, "-c", code], pass_fds=[s.fileno()],
                                     stderr=open(d.log_path, "a", encoding="utf-8"))
    # the kernel has listened all the time: whoever comes first waits for the daemon and is answered
    expect(Client(port).get("/livez").status == 200)
    told = os.path.join(d.data, "http.port")
    wait_for("the port in its file", lambda: os.path.exists(told) and open(told, encoding="utf-8").read().strip() == str(port))
    expect(d.stop() == 0)


def readiness_ends_before_service_does(w):
    port = free_port()
    d = w.daemon("draining", admin__port=port)
    d.start()
    with socket.create_connection(("127.0.0.1", d.port)) as s:  # a request that is in flight holds the stop up
        s.settimeout(60)
        s.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        expect(s.recv(100).startswith(b"HTTP/1.1 100"), "the head of the request was not read")
        d.process.send_signal(signal.SIGTERM)
        wait_for("not ready on the admin listener",
                 lambda: Client(port).ask("GET", "/readyz", checked=False).status == 503)
        expect(Client(port).ask("GET", "/livez", checked=False).status == 200)
        wait_for("new requests are told to come back", lambda: Client(d.port).get("/livez").status == 503)
    expect(d.process.wait(30) == 0)


def a_reload_opens_new_versions_and_loses_no_request(w):
    d = w.daemon("reload")
    own = os.path.join(d.folder, "model")
    shutil.copytree(os.path.join(w.fixture, "model"), own)
    text = open(d.config, encoding="utf-8").read()
    with open(d.config, "w", encoding="utf-8") as f:
        f.write(text.replace(w.fixture + "/model", own))
    d.start()
    c = d.client(d.key("alice"))
    before = c.get("/v1/models").json["models"][0]["digest"]
    first = c.post({**BODY, "cohort": {"cases": 300, "controls": 300}}).json["id"]
    waiting = c.post(BODY).json["id"]
    c.wait(first, until=("running", "released", "withheld"))  # a job that has begun ends with the version it began with
    answered, over = [], threading.Event()

    def poll():
        while not over.is_set():
            answered.append(c.get("/v1/jobs").status)

    polling = threading.Thread(target=poll)
    polling.start()
    card = os.path.join(own, "card.json")
    data = open(card, encoding="utf-8").read()
    with open(card + ".new", "w", encoding="utf-8") as f:
        f.write(data.rstrip() + "\n \n")  # another version: other bytes, the same meaning
    os.replace(card + ".new", card)
    pid = d.workers()
    d.process.send_signal(signal.SIGHUP)
    wait_for("a fresh worker", lambda: d.workers() and d.workers() != pid, 60)
    wait_for("the new version is listed", lambda: c.get("/v1/models").json["models"][0]["digest"] != before, 60)
    over.set()
    polling.join()
    expect(len(answered) > 3 and set(answered) == {200}, "while it reloads:", set(answered))
    later = c.post({**BODY, "seed": 9}).json["id"]
    jobs = [c.wait(x) for x in (first, waiting, later)]
    expect(all(j["state"] in ("released", "withheld") for j in jobs), jobs)
    after = c.get("/v1/models").json["models"][0]["digest"]
    expect(jobs[0]["model_digest"] == before and jobs[2]["model_digest"] == after, before, after, jobs)
    expect(jobs[1]["model_digest"] in (before, after))
    # nonsense in the file changes nothing, and is said
    with open(d.config, "a", encoding="utf-8") as f:
        f.write("\n[nonsense]\nx = 1\n")
    d.process.send_signal(signal.SIGHUP)
    wait_for("the mistake in the log", lambda: "the configuration stays as it is" in d.log())
    expect(c.get("/v1/jobs").status == 200)
    with open(d.config, "w", encoding="utf-8") as f:
        f.write(text.replace(w.fixture + "/model", own).replace("[http]", '[log]\nlevel = "warn"\n[http]\nidle_timeout_s = 7'))
    d.process.send_signal(signal.SIGHUP)
    wait_for("what waits for a restart", lambda: "wait for a restart: http.idle_timeout_s" in d.log())
    for _ in range(3):
        expect(c.get("/v1/jobs").status == 200)
    d.stop()
    expect('"status":200' not in d.log().split("wait for a restart")[1], "requests are logged below the new level")


def a_backup_of_the_running_service_comes_back_elsewhere(w):
    d = w.daemon("backup")
    d.start()
    key = d.key("alice")
    c = d.client(key)
    job = c.wait(c.post(BODY).json["id"])
    expect(job["state"] == "released")
    bed = c.get(f"/v1/jobs/{job['id']}/files/cohort.bed").body
    to = os.path.join(d.folder, "kept")
    d.admin("db", "backup", "--to", to)
    expect(sorted(os.listdir(to)) == ["archive", "audit.checkpoint", "releases", "signing.key", "signing.pub", "snpgen.db"], os.listdir(to))
    expect("is not empty" in d.admin("db", "backup", "--to", to, ok=False))
    expect("another snpgend" in d.admin("db", "restore", "--from", to, ok=False))
    expect(not os.path.exists(d.data + "/backup.db"))
    d.stop(signal.SIGKILL)
    other = w.daemon("restored")
    expect("audit log is whole" in other.admin("db", "restore", "--from", to))
    expect("is there" in other.admin("db", "restore", "--from", to, ok=False))
    other.start()
    c = other.client(key)
    expect(c.get(f"/v1/jobs/{job['id']}").json["state"] == "released")
    expect(c.get(f"/v1/jobs/{job['id']}/files/cohort.bed").body == bed)
    expect(c.wait(c.post({**BODY, "seed": 3}).json["id"])["state"] in ("released", "withheld"))
    other.stop()
    # a backup with a spoilt page, or one audit entry edited, is refused and leaves nothing
    whole = open(to + "/snpgen.db", "rb").read()
    edited = whole.replace(b"service.start", b"service.stars", 1)
    expect(edited != whole)
    db = sqlite3.connect(to + "/snpgen.db")
    page = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'jobs_owner'").fetchone()[0]
    db.close()
    at = 4096 * (page - 1)
    for spoilt in (whole[:at + 3] + b"\0\0" + whole[at + 5:], edited, whole[:4096 * 6]):
        with open(to + "/snpgen.db", "wb") as f:
            f.write(spoilt)
        third = w.daemon("spoilt")
        third.admin("db", "restore", "--from", to, ok=False)
        expect(os.listdir(third.data) == ["lock"], os.listdir(third.data))


def a_database_of_every_older_schema_is_brought_up_to_date(w):
    """The rows that version 1 had are all there, its audit chain has become the log's beginning."""
    d = w.daemon("upgrade")
    os.makedirs(d.data, mode=0o700)
    here = os.path.dirname(os.path.abspath(__file__))
    first = open(os.path.join(here, "../../migrations/0001_first.sql"), "rb").read()
    db = sqlite3.connect(d.data + "/snpgen.db")
    db.executescript(first.decode())
    db.execute("CREATE TABLE migrations (version INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, applied INTEGER NOT NULL) STRICT")
    db.execute("INSERT INTO migrations VALUES (1, ?, 0)", (hashlib.sha256(first).hexdigest(),))
    db.execute("PRAGMA user_version = 1")
    db.execute("INSERT INTO keys VALUES ('aaaaaaaaaaaa', ?, 'alice', 3, 1, 0, 0, 0)", (b"\1" * 32,))
    fields = ("alice", "job.create", "j", "ok", "r", "{}")
    h = hashlib.sha256(b"snpgen-audit-1\0" + b"\0" * 32 + struct.pack(">qq", 1, 1000))
    for text in fields:
        h.update(struct.pack(">q", len(text)) + text.encode())
    db.execute("INSERT INTO audit VALUES (1, 1000, ?, ?, ?, ?, ?, ?, ?)", (*fields, h.digest()))
    db.commit()
    db.close()
    with open(d.data + "/audit.head", "w", encoding="utf-8") as f:
        f.write(f"1 {h.hexdigest()}\n")
    d.start()
    expect("alice" in d.admin("key", "list"))
    rows = [json.loads(line) for line in d.admin("audit", "export").splitlines()]
    expect([r["action"] for r in rows[:3]] == ["job.create", "audit.upgrade", "service.start"], rows[:3])
    expect(rows[0]["actor"] == "alice" and rows[2]["outcome"] == "ok", rows)
    expect("the log is whole" in d.admin("audit", "verify"))
    d.stop()


def a_key_made_before_the_first_start_is_no_broken_log(w):
    d = w.daemon("first", release__signing_key=os.path.join(w.fixture, "no-such.key"))
    expect("no-such.key" in d.admin("key", "create", "--owner", "alice", ok=False))  # or the log would begin unsigned
    d.remove()
    d = w.daemon("first")
    key = d.key("alice")
    expect("1 entries, the log is whole" in d.admin("audit", "verify"))
    d.start()
    expect(d.client(key).get("/v1/jobs").status == 200)
    d.stop()
    expect("audit log is broken" not in d.log(), d.log()[-1000:])
    expect("the log is whole" in d.admin("audit", "verify"))
    os.unlink(d.data + "/audit.checkpoint")  # which no command mends
    d.key("bob")
    expect("is missing" in d.admin("audit", "verify", ok=False))
    d.start()
    expect("audit log is broken" in d.log() and "audit.checkpoint is missing" in d.log())
    d.stop()
    d.remove()


CASES = [metrics_count_jobs_people_and_requests_on_the_admin_listener_alone, systemd_hears_ready_alive_reloading_and_stopping,
         a_socket_that_systemd_opened_is_served, readiness_ends_before_service_does,
         a_reload_opens_new_versions_and_loses_no_request, a_backup_of_the_running_service_comes_back_elsewhere,
         a_database_of_every_older_schema_is_brought_up_to_date, a_key_made_before_the_first_start_is_no_broken_log]


def finish(w, bad):
    for d in w.started:
        if bad:
            print(d.log_path, d.log()[-1500:] if os.path.exists(d.log_path) else "")
        d.remove()


if __name__ == "__main__":
    sys.exit(run(CASES, World, finish, sys.argv[3:]))
