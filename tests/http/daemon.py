"""What the HTTP and fault tests share: a daemon in a fresh folder, a small client, and the contract that every answer is held
against (api/openapi.yaml: path, method, status, headers, body; the schemas are schema.py's)."""
import atexit
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from schema import CONTRACT, Failed, check_schema, expect, resolve

# ---- the contract ----

SEEN = set()  # (method, pattern, status) and (method, pattern, status, header) of answers; pattern "*": any request


def pattern_of(path):
    path = path.split("?")[0]
    for pattern in CONTRACT["paths"]:
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path):
            return pattern
    return None


def described_by(method, path, status):
    """The response that the contract has for this answer, and whose it is."""
    pattern, wanted = pattern_of(path), "GET" if method == "HEAD" else method
    own = CONTRACT["paths"].get(pattern, {}).get(wanted.lower(), {}).get("responses", {})
    if str(status) in own:
        return resolve(own[str(status)]), (wanted, pattern, status)
    anyone = CONTRACT["x-any-request"]["responses"]
    expect(str(status) in anyone, f"{method} {path.split('?')[0]} {status} is not in the contract")
    expect(status != 404 or pattern is None, f"{method} {pattern} 404 is not in the contract")
    expect(status not in (204, 405) or wanted.lower() not in CONTRACT["paths"].get(pattern, {}), method, path, status)
    return resolve(anyone[str(status)]), ("*", "*", status)


def check_head(method, path, status, headers):
    """Status and headers against the contract; headers: lower case -> value. The response's description."""
    described, whose = described_by(method, path, status)
    where = f"{method} {path.split('?')[0]} {status}"
    SEEN.add(whose)
    known = {n.lower(): resolve(h) for n, h in {**CONTRACT["x-every-answer"]["headers"], **described.get("headers", {})}.items()}
    for name, value in headers.items():
        expect(name in known, where, "has the undocumented header", name)
        schema = known[name]["schema"]
        check_schema(int(value) if schema.get("type") == "integer" and re.fullmatch("-?[0-9]+", value) else value, schema,
                     f"{where} {name}")
        SEEN.add((*whose, name))
    for name, h in known.items():
        expect(not h.get("required") or name in headers, where, "lacks", name)
    return described


def check_contract(method, path, answer):
    described = check_head(method, path, answer.status, answer.headers)
    where, content = f"{method} {path.split('?')[0]} {answer.status}", described.get("content")
    if method == "HEAD" or not content:
        expect(not answer.body, where, "has a body")
        if not content:
            expect("content-type" not in answer.headers, where, "names a type of nothing")
            return
    kind = answer.headers["content-type"].split(";")[0]
    expect(kind in content, where, "answers with", kind)
    if answer.body and kind in ("application/json", "application/problem+json"):
        schema = content[kind]["schema"]
        if schema:  # of a range or any file nothing is known
            check_schema(json.loads(answer.body), schema, where)
        if kind == "application/problem+json":
            expect(answer.json["status"] == answer.status and answer.json["request_id"] == answer.headers["x-request-id"], where)


# ---- client ----


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {k.lower(): v for k, v in headers}

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    def __init__(self, port, key=None):
        self.port, self.key = port, key

    def ask(self, method, path, body=None, headers=None, checked=True):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        all_headers = {"Authorization": "Bearer " + self.key} if self.key else {}
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            all_headers["Content-Type"] = "application/json"
        all_headers.update(headers or {})
        c.request(method, path, body, all_headers)
        r = c.getresponse()
        answer = Answer(r.status, r.getheaders(), r.read())
        c.close()
        if checked:
            check_contract(method, path, answer)
        return answer

    def get(self, path, **headers):
        return self.ask("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, body, **headers):
        return self.ask("POST", "/v1/jobs", body, {k.replace("_", "-"): v for k, v in headers.items()})

    def stream(self, path, **headers):
        return Stream(self, path, {k.replace("_", "-"): v for k, v in headers.items()})

    def wait(self, job, seconds=120, until=("released", "withheld", "failed", "cancelled", "expired")):
        end = time.time() + seconds
        while time.time() < end:
            j = self.get("/v1/jobs/" + job).json
            if j["state"] in until:
                return j
            time.sleep(0.05)
        raise Failed(f"job {job} is still {j['state']} after {seconds} s")


class Stream:
    """Server-Sent Events: each .next() is one event as a dict of its fields, None at the end; comments are counted."""

    def __init__(self, client, path, headers):
        self.c = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
        self.c.request("GET", path, headers={"Authorization": f"Bearer {client.key}", **headers})
        self.r = self.c.getresponse()
        self.status, self.headers, self.comments, self.path = self.r.status, self.r.headers, [], path
        if self.status == 200:  # the head against the contract; the events one by one
            check_head("GET", path, 200, {k.lower(): v for k, v in self.r.getheaders()})
            expect(self.headers["content-type"].startswith("text/event-stream"))
        else:
            check_contract("GET", path, Answer(self.status, self.r.getheaders(), self.r.read()))

    def next(self):
        event = {}
        while True:
            line = self.r.readline().decode()
            if not line:
                return None
            line = line.rstrip("\n")
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, value = line.split(": ", 1)
                event[name] = value
            elif "data" in event:
                data = json.loads(event["data"])
                if event["event"] != "reset":
                    check_schema(data, CONTRACT["components"]["schemas"]["JobProgress" if event["event"] == "progress" else "JobEvent"],
                                 self.path)
                return {**event, "data": data}

    def until(self, state, job=None):
        """Events up to the one of that state (and job), without progress."""
        got = []
        while True:
            e = self.next()
            expect(e is not None, "the stream ended before", state, got)
            if e["event"] == "job":
                got.append(e)
                if e["data"]["state"] == state and job in (None, e["data"]["job"]):
                    return got

    def close(self):
        self.c.close()


def raw(port, text, timeout=15, shut=False):
    """Bytes in, every byte out until the server closes or the time is over."""
    s = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    got = b""
    try:
        s.sendall(text if isinstance(text, bytes) else text.encode("latin-1"))
        if shut:
            s.shutdown(socket.SHUT_WR)
        while True:
            part = s.recv(65536)
            if not part:
                break
            got += part
    except (TimeoutError, ConnectionResetError, BrokenPipeError):
        pass
    s.close()
    return got


# ---- daemon ----


ALL = []


def remove_all():
    """A failed case leaves no process and no folder behind."""
    for d in ALL:
        d.remove()


atexit.register(remove_all)


class Daemon:
    def __init__(self, bin_dir, fixture=None, name="d", wrap=(), **config):
        self.bin, self.fixture, self.wrap = bin_dir, fixture, list(wrap)
        self.folder = tempfile.mkdtemp(prefix=f"snpgen-{name}-")
        self.data = os.path.join(self.folder, "data")
        self.config = os.path.join(self.folder, "snpgen.toml")
        self.log_path = os.path.join(self.folder, "log")
        self.process = None
        ALL.append(self)
        sections = {"http": {"port": 0}, "data": {"dir": self.data}, "auth": {"failures_free": 1000000}}
        if fixture:
            demo = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/policy-demo.toml")
            sections["models"] = {"key_file": os.path.join(fixture, "reference.key"), "policy": os.path.realpath(demo)}
        sections["worker"] = {"processes": 1}  # most cases count on jobs waiting for each other
        for key, value in config.items():
            section, name = key.split("__")
            sections.setdefault(section, {})[name] = value
        with open(self.config, "w", encoding="utf-8") as f:
            for section, pairs in sections.items():
                f.write(f"[{section}]\n")
                for k, v in pairs.items():
                    f.write(f"{k} = {json.dumps(v)}\n")
            if fixture:
                f.write(f'[[model]]\npath = "{fixture}/model"\n')

    def snpgen(self, *words):
        return subprocess.run([f"{self.bin}/snpgen", *words], capture_output=True, text=True, check=False)

    def admin(self, *words, ok=True):
        r = subprocess.run([f"{self.bin}/snpgend", "admin", *words, "--config", self.config], capture_output=True, text=True,
                           check=False)
        expect((r.returncode == 0) == ok, "admin", words, "exits", r.returncode, r.stderr)
        return r.stdout if ok else r.stderr

    def key(self, owner, *more):
        return self.admin("key", "create", "--owner", owner, *more).strip()

    def start(self, ready=True):
        port_file = os.path.join(self.data, "http.port")
        if os.path.exists(port_file):
            os.unlink(port_file)
        log = open(self.log_path, "a", encoding="utf-8")
        self.process = subprocess.Popen([*self.wrap, f"{self.bin}/snpgend", "--config", self.config], stderr=log,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        log.close()
        end = time.time() + 120
        while time.time() < end:
            expect(self.process.poll() is None, "the daemon ended:", self.log()[-2000:])
            try:
                with open(port_file, encoding="utf-8") as f:
                    self.port = int(f.read())
                if not ready or Client(self.port).ask("GET", "/readyz").status == 200:
                    return self.port
            except (OSError, ValueError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        raise Failed("the daemon does not become ready: " + self.log()[-2000:])

    def client(self, key=None):
        return Client(self.port, key)

    def log(self):
        with open(self.log_path, encoding="utf-8") as f:
            return f.read()

    def workers(self):
        """pids of the worker(s) below this daemon's nursery"""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                    name, rest = re.fullmatch(r"\d+ \((.*)\) (.*)", f.read().strip(), re.S).groups()
                parent = int(rest.split()[1])
                with open(f"/proc/{parent}/stat", encoding="utf-8") as f:
                    grand = int(f.read().rsplit(")", 1)[1].split()[1])
            except (OSError, AttributeError, ValueError, IndexError):
                continue
            if name == "snpgend-worker" and grand == self.process.pid:
                found.append(int(pid))
        return found

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)
        return self.process.returncode if self.process else None

    def remove(self):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


def run(cases, prepare, finish, only=()):
    """Runs the functions of a list, each named as a sentence; returns the exit code."""
    bad = 0
    world = prepare()
    for case in cases:
        if only and case.__name__ not in only:
            continue
        started = time.time()
        try:
            case(world)
            print(f"ok   {case.__name__.replace('_', ' ')} ({time.time() - started:.1f} s)", flush=True)
        except (Failed, AssertionError, KeyError, OSError, ValueError, http.client.HTTPException) as e:
            bad += 1
            print(f"FAIL {case.__name__.replace('_', ' ')}: {type(e).__name__}: {e}", flush=True)
    finish(world, bad)
    return 1 if bad else 0
