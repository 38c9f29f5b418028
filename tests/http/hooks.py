#!/usr/bin/env python3
"""Webhooks: a real receiver on 127.0.0.1 that checks signatures, is slow, redirects, fails.   hooks.py BIN_DIR FIXTURE_DIR [CASE...]"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

from daemon import CONTRACT, Daemon, Failed, check_schema, expect, run

BODY = {"model": "tiny", "cohort": {"cases": 20, "controls": 20}, "seed": 7}
SECRET = bytes(range(32))


class Receiver:
    """Keeps every call; `answer` is called with the attempt's number and gives (status, headers)."""

    def __init__(self, answer=lambda n: (204, {})):
        self.calls, self.answer, self.lock = [], answer, threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    outer.calls.append({"path": self.path, "at": time.time(), "body": body, **{k.lower(): v for k, v in self.headers.items()}})
                    n = len(outer.calls)
                status, headers = outer.answer(n)
                try:
                    self.send_response(status)
                    for k, v in headers.items():
                        self.send_header(k, v)
                    self.end_headers()
                except OSError:
                    pass

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_port
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}/hook?of=portal"

    def wait(self, n, seconds=20):
        end = time.time() + seconds
        while len(self.calls) < n:
            if time.time() > end:
                raise Failed(f"{len(self.calls)} calls, want {n}")
            time.sleep(0.02)
        return self.calls

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def daemon(name, *receivers, secret=True, **config):
    d = Daemon(sys.argv[1], sys.argv[2], name, **{"webhooks__hosts": " ".join(r.host for r in receivers), "webhooks__http": True,
               "webhooks__networks": "127.0.0.0/8", "webhooks__retry_s": 1, "webhooks__timeout_s": 2, "webhooks__secret_file": "SECRET", **config})
    path = os.path.join(d.folder, "secret")
    with open(path, "w", encoding="utf-8") as f:
        f.write("whsec_" + base64.b64encode(SECRET).decode() + "\n")
    text = open(d.config, encoding="utf-8").read()
    with open(d.config, "w", encoding="utf-8") as f:
        f.write(text.replace('"SECRET"', f'"{path}"' if secret else '""'))
    d.start()
    return d, d.client(d.key("alice"))


def outbox(d):
    """Of a daemon that does not run: nobody else may open its database."""
    db = sqlite3.connect(f"file:{d.data}/snpgen.db?mode=ro", uri=True)
    rows = db.execute("SELECT state, attempts, done_ms, outcome FROM deliveries ORDER BY id").fetchall()
    db.close()
    return rows


def settled(d, n=1, seconds=20):
    """The last words about n calls: (attempts, what came of it)."""
    end = time.time() + seconds
    while time.time() < end:
        rows = [json.loads(x) for x in d.log().splitlines()]
        rows = [(x["attempt"], x["message"]) for x in rows if x["message"].startswith(("a webhook is delivered", "a webhook is given up"))]
        if len(rows) >= n:
            return rows
        time.sleep(0.05)
    raise Failed(f"{rows} are settled, want {n}; " + d.log()[-1500:])


def verify(d, client, call):
    """Both signatures, as a receiver without our code would check them."""
    text = f"{call['webhook-id']}.{call['webhook-timestamp']}.".encode() + call["body"]
    words = dict(w.split(",", 1) for w in call["webhook-signature"].split(" "))
    files = [os.path.join(d.folder, x) for x in ("pub", "text", "sig")]
    for path, data in zip(files, (client.get("/v1/audit/key").body, text, base64.b64decode(words["v1a"]))):
        with open(path, "wb") as f:
            f.write(data)
    r = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", files[0], "-rawin", "-in", files[1], "-sigfile", files[2]],
                       capture_output=True, check=False)
    expect(r.returncode == 0, r.stdout, r.stderr)
    expect(words.get("v1") == base64.b64encode(hmac.new(SECRET, text, hashlib.sha256).digest()).decode(), words)
    expect(abs(int(call["webhook-timestamp"]) - call["at"]) < 3, call)


def the_end_of_a_job_is_told_once_signed_twice(_):
    r = Receiver()
    d, c = daemon("hooks", r)
    job = c.wait(c.post({**BODY, "callback_url": r.url}).json["id"])
    call = r.wait(1)[0]
    body = json.loads(call["body"])
    check_schema(body, CONTRACT["components"]["schemas"]["JobEnded"], "webhook")
    expect(body["type"] == "job." + job["state"] and body["data"]["job"] == job["id"], body)
    expect(body["timestamp"] == job["finished"] and call["path"] == "/hook?of=portal" and call["content-type"] == "application/json", call)
    verify(d, c, call)
    expect(settled(d) == [(1, "a webhook is delivered: the answer is 204")], settled(d))
    c.ask("DELETE", "/v1/jobs/" + job["id"])  # what was released is no more
    r.wait(2)
    expect(json.loads(r.calls[1]["body"])["type"] == "job.expired" and r.calls[1]["webhook-id"] != call["webhook-id"])
    c.wait(c.post(BODY).json["id"])
    time.sleep(0.6)
    expect(len(r.calls) == 2, r.calls)
    d.remove()


def failures_are_tried_again_with_the_same_id_and_longer_waits(_):
    r = Receiver(lambda n: (500, {}) if n < 3 else (200, {}))
    d, c = daemon("retries", r)
    c.post({**BODY, "callback_url": r.url})
    calls = r.wait(3)
    expect(len({x["webhook-id"] for x in calls}) == 1 and len({x["body"] for x in calls}) == 1, calls)
    first, second = calls[1]["at"] - calls[0]["at"], calls[2]["at"] - calls[1]["at"]
    expect(0.8 < first < 2 and 3.4 < second < 5.5, first, second)
    verify(d, c, calls[0])
    verify(d, c, calls[2])
    expect(settled(d)[0][0] == 3, settled(d))
    d.remove()


def an_end_to_trying_gone_and_retry_after(_):
    never, gone, later = Receiver(lambda n: (503, {})), Receiver(lambda n: (410, {})), Receiver(lambda n: (429, {"Retry-After": "4"}) if n == 1 else (200, {}))
    d, c = daemon("ends", never, gone, later, webhooks__attempts_max=2)
    for r in (never, gone, later):
        c.wait(c.post({**BODY, "callback_url": r.url}).json["id"])
    rows = settled(d, 3)
    expect(sorted(x[0] for x in rows) == [1, 2, 2], rows)
    expect(len(never.calls) == 2 and len(gone.calls) == 1 and len(later.calls) == 2)
    expect(later.calls[1]["at"] - later.calls[0]["at"] > 3.8)
    expect("a webhook is given up: the answer is 503" in d.log() and "given up: the answer is 410" in d.log())
    d.remove()


def redirects_are_not_followed(_):
    other = Receiver()
    r = Receiver(lambda n: (307, {"Location": other.url}))
    d, c = daemon("redirects", r, other, webhooks__attempts_max=1)
    c.post({**BODY, "callback_url": r.url})
    expect(settled(d)[0][1].endswith("the answer is 307") and not other.calls and len(r.calls) == 1)
    d.remove()


def private_addresses_are_not_called_whatever_name_leads_there(_):
    r = Receiver()
    hosts = " ".join(f"{h}:{r.port}" for h in ("127.0.0.1", "localhost", "2130706433", "127.1"))
    d, c = daemon("private", r, webhooks__networks="", webhooks__hosts=hosts + " 169.254.169.254 10.0.0.1", webhooks__attempts_max=1)
    for h in hosts.split(" ") + ["169.254.169.254", "10.0.0.1"]:
        a = c.post({**BODY, "callback_url": f"http://{h}/x"})
        expect(a.status == 202, a.body)
        c.wait(a.json["id"])
    rows = settled(d, 6)
    expect(all("may not be called" in x[1] for x in rows) and len(rows) == 6, rows)
    expect(not r.calls, r.calls)
    d.remove()


def hosts_are_looked_at_again_when_the_call_is_made(_):
    r = Receiver(lambda n: (500, {}))
    d, c = daemon("withdrawn", r)
    c.post({**BODY, "callback_url": r.url})
    r.wait(1)
    for url in ("http://127.0.0.1:1/", f"http://127.0.0.1:{r.port}.evil.example/", f"http://user@{r.host}/", f"https://evil.example/#{r.host}", "ftp://" + r.host):
        expect(c.post({**BODY, "callback_url": url}).status == 422, url)
    d.stop()
    text = open(d.config, encoding="utf-8").read()
    with open(d.config, "w", encoding="utf-8") as f:
        f.write(text.replace(r.host, "portal.example.org"))
    n = len(r.calls)
    d.start()
    expect("does not allow its host" in settled(d)[0][1] and len(r.calls) == n)
    d.remove()


def no_call_is_lost_with_the_process(_):
    down = Receiver()
    down.close()  # nobody listens
    d, c = daemon("crash", down)
    job = c.wait(c.post({**BODY, "callback_url": down.url}).json["id"])
    d.stop(signal.SIGKILL)
    r = Receiver()
    text = open(d.config, encoding="utf-8").read()
    with open(d.config, "w", encoding="utf-8") as f:
        f.write(text.replace(down.host, r.host))
    db = sqlite3.connect(d.data + "/snpgen.db")
    db.execute("UPDATE deliveries SET url = ?", (r.url,))
    db.commit()
    db.close()
    d.start()
    expect(json.loads(r.wait(1)[0]["body"])["data"]["job"] == job["id"])
    settled(d)
    d.remove()


def a_slow_receiver_holds_up_neither_others_nor_the_stop(_):
    slow = Receiver(lambda n: time.sleep(8) or (200, {}))
    quick = [Receiver() for _ in range(12)]
    d, c = daemon("slow", slow, *quick, webhooks__timeout_s=30)
    c.wait(c.post({**BODY, "callback_url": slow.url}).json["id"])
    slow.wait(1)
    for r in quick:
        c.wait(c.post({**BODY, "callback_url": r.url}).json["id"])
    end = time.time() + 3
    while sum(len(r.calls) for r in quick) < 4 and time.time() < end:
        time.sleep(0.05)
    expect(sum(len(r.calls) for r in quick) >= 4, [len(r.calls) for r in quick])
    started = time.time()
    expect(d.stop() == 0 and time.time() - started < 4, time.time() - started)
    expect([x for x in outbox(d) if not x[2]] and all(x[1] == 0 for x in outbox(d) if not x[2]), outbox(d))  # broken off: no attempt
    d.remove()


def a_configuration_that_cannot_work_says_so(_):
    for config, why in (({"webhooks__networks": "10.0.0.1/8"}, "webhooks.networks"), ({"webhooks__secret_file": os.path.join(sys.argv[2], "model", "card.json")}, "card.json: ")):
        d = Daemon(sys.argv[1], sys.argv[2], "wrong", **config)
        with open(d.log_path, "w", encoding="utf-8") as log:
            code = subprocess.run([f"{d.bin}/snpgend", "--config", d.config], stderr=log, check=False, timeout=60).returncode
        expect(code == 1 and why in d.log(), why, d.log())
        d.remove()


CASES = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == "__main__"
         and f.__name__ not in ("Receiver", "daemon", "outbox", "settled", "verify")]

if __name__ == "__main__":
    sys.exit(run(CASES, lambda: None, lambda w, bad: None, sys.argv[3:]))
