#!/usr/bin/env python3
"""deploy/nginx.conf in a real nginx in front of the daemon: it loads, requests and event streams pass, what it refuses is a problem.
proxy.py BIN_DIR FIXTURE_DIR      exit 77: no nginx or no openssl here"""
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time

from daemon import Daemon, expect, run

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
CONF = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/nginx.conf")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class World:
    """The file as it is shipped, but for its ports and the paths of the certificate."""

    def __init__(self):
        self.d = Daemon(sys.argv[1], sys.argv[2], "proxy", http__connections_per_address_max=512)
        self.d.start()
        self.key = self.d.key("alice")
        self.port, at = free_port(), self.d.folder
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=snpgen.example.org", "-keyout", f"{at}/key.pem", "-out", f"{at}/cert.pem"], check=True, capture_output=True)
        with open(CONF, encoding="utf-8") as f:
            text = f.read()
        for old, new in (("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"), ("listen [::]:443 ssl http2;", ""),
                         ("127.0.0.1:8080", f"127.0.0.1:{self.d.port}"), ("/etc/ssl/snpgen.pem", f"{at}/cert.pem"),
                         ("/etc/ssl/private/snpgen.key", f"{at}/key.pem")):
            expect(text.count(old) == 1, "deploy/nginx.conf does not say", old, "once")
            text = text.replace(old, new)
        temp = " ".join(f"{n}_temp_path {at}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(f"{at}/nginx.conf", "w", encoding="utf-8") as f:
            f.write(f"daemon off; pid {at}/nginx.pid; error_log {at}/error.log;\nevents {{}}\nhttp {{ access_log off; {temp}\n{text}\n}}\n")
        os.chmod(at, 0o755)  # nginx's workers have an account of their own
        self.nginx = [NGINX, "-c", f"{at}/nginx.conf", "-e", f"{at}/error.log"]
        r = subprocess.run([*self.nginx, "-t"], capture_output=True, text=True, check=False)
        expect(r.returncode == 0 and "warn" not in r.stderr, r.stderr)
        self.process = subprocess.Popen(self.nginx)
        end = time.time() + 10
        while time.time() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.05)

    def connect(self):
        trust = ssl.create_default_context(cafile=f"{self.d.folder}/cert.pem")
        trust.check_hostname = False
        s = trust.wrap_socket(socket.create_connection(("127.0.0.1", self.port), timeout=30))
        return s

    def ask(self, head, body="", more=""):
        s = self.connect()
        s.sendall((f"{head} HTTP/1.1\r\nHost: snpgen.example.org\r\nAuthorization: Bearer {self.key}\r\nConnection: close\r\n{more}"
                   f"Content-Length: {len(body)}\r\n\r\n{body}").encode("latin-1"))
        got = b""
        while part := s.recv(65536):
            got += part
        s.close()
        top, _, rest = got.partition(b"\r\n\r\n")
        return int(top.split()[1]), top.decode().lower(), rest


def a_job_is_submitted_and_its_events_come_at_once(w):
    s = w.connect()
    s.sendall(f"GET /v1/events HTTP/1.1\r\nHost: snpgen.example.org\r\nAuthorization: Bearer {w.key}\r\n\r\n".encode())
    got = b""
    while b"\r\n\r\n" not in got:
        got += s.recv(4096)
    expect(b" 200 " in got and b"text/event-stream" in got, got)
    started = time.time()
    status, head, body = w.ask("POST /v1/jobs", json.dumps({"model": "tiny", "cohort": {"cases": 5, "controls": 5}}),
                               "Content-Type: application/json\r\n")
    expect(status == 202 and "strict-transport-security" in head and "x-request-id" in head, status, head, body)
    job = json.loads(body)["id"].encode()
    while job not in got or b"queued" not in got:
        got += s.recv(4096)
        expect(time.time() - started < 5, "the proxy holds events back", got)
    s.close()
    expect(w.ask("GET /v1/jobs/" + job.decode())[0] == 200)


def what_the_proxy_refuses_is_a_problem_too(w):
    for head, want, body in (("GET /readyz", 403, ""), ("POST /v1/jobs", 413, "x" * 70000), ("GET /livez\x00x", 400, ""),
                             ("GET /" + "a" * 9000, 414, "")):
        status, top, rest = w.ask(head, body)
        expect(status == want and "application/problem+json" in top and json.loads(rest)["status"] == want, head[:30], status, top, rest[:200])


def a_daemon_that_is_gone_is_a_503(w):
    w.d.stop()
    status, top, rest = w.ask("GET /livez")
    expect(status == 503 and re.search("retry-after: 5", top) and json.loads(rest)["status"] == 503, status, top, rest)


CASES = [a_job_is_submitted_and_its_events_come_at_once, what_the_proxy_refuses_is_a_problem_too, a_daemon_that_is_gone_is_a_503]


def finish(w, bad):
    w.process.terminate()
    w.process.wait(10)
    if bad:
        with open(f"{w.d.folder}/error.log", encoding="utf-8") as f:
            print(f.read()[-2000:])
    w.d.remove()


if __name__ == "__main__":
    if not os.access(NGINX, os.X_OK) or not shutil.which("openssl"):
        print("SKIP: nginx or openssl is not installed")
        sys.exit(77)
    sys.exit(run(CASES, World, finish, sys.argv[3:]))
