"""What the HTTP and fault tests share: a daemon in a fresh folder, a small client, and the contract that every answer is held
against (api/openapi.yaml: path, method, status, headers, body). Standard library and PyYAML only."""
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

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
with open(os.path.join(ROOT, "api", "openapi.yaml"), encoding="utf-8") as f:
    CONTRACT = yaml.safe_load(f)
ALWAYS = {"date", "connection", "content-type", "content-length", "cache-control", "x-content-type-options"}


class Failed(Exception):
    pass


def expect(ok, *words):
    if not ok:
        raise Failed(" ".join(str(w) for w in words))


# ---- the contract ----


def resolve(node):
    while isinstance(node, dict) and "$ref" in node:
        target = CONTRACT
        for part in node["$ref"][2:].split("/"):
            target = target[part]
        node = target
    return node


TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}


def is_type(value, name):
    if name in ("integer", "number") and isinstance(value, bool):
        return False
    return isinstance(value, TYPES[name])


def check_schema(value, schema, where):
    schema = resolve(schema)
    if "const" in schema:
        expect(value == schema["const"], where, "is", value, "not", schema["const"])
    if "enum" in schema:
        expect(value in schema["enum"], where, "is", value, "not one of", schema["enum"])
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        expect(any(is_type(value, n) for n in names), where, "is", repr(value), "not", names)
    if isinstance(value, dict):
        for name in schema.get("required", []):
            expect(name in value, where, "lacks", name)
        known = schema.get("properties", {})
        for name, item in value.items():
            if name in known:
                check_schema(item, known[name], where + "/" + name)
            else:
                expect(schema.get("additionalProperties", True), where, "has the undocumented member", name)
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            check_schema(item, schema["items"], f"{where}/{i}")


SEEN = set()


def check_contract(method, path, answer):
    path = path.split("?")[0]
    for pattern, item in CONTRACT["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path):
            break
    else:
        expect(answer.status in (400, 404, 405, 414, 431), "an undocumented path answers", answer.status)
        return
    operation = item.get("get" if method == "HEAD" else method.lower())
    where = f"{method} {pattern} {answer.status}"
    if operation is None:
        expect(answer.status in (400, 405) or (method, answer.status) == ("OPTIONS", 204), where, "on an undocumented method")
        return
    if answer.status in (411, 413, 414, 431):  # refused before any operation is looked at
        return
    described = operation["responses"].get(str(answer.status))
    expect(described, where, "is not in the contract")
    SEEN.add((method, pattern, answer.status))
    described = resolve(described)
    known = {name.lower() for name in described.get("headers", {})} | ALWAYS
    for name in answer.headers:
        expect(name in known, where, "has the undocumented header", name)
    expect("x-request-id" in answer.headers, where, "lacks X-Request-Id")
    if method == "HEAD" or not described.get("content"):
        expect(not answer.body, where, "has a body")
        return
    kind = answer.headers["content-type"].split(";")[0]
    expect(kind in described["content"], where, "answers with", kind)
    if kind in ("application/json", "application/problem+json") and "files" not in pattern and answer.status != 206:
        check_schema(json.loads(answer.body), described["content"][kind]["schema"], where)


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
            SEEN.add(("GET", pattern_of(path), 200))
            described = resolve(CONTRACT["paths"][pattern_of(path)]["get"]["responses"]["200"])
            known = {n.lower() for n in described["headers"]} | ALWAYS | {"transfer-encoding"}
            for name in self.headers:
                expect(name.lower() in known, path, "has the undocumented header", name)
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


def pattern_of(path):
    path = path.split("?")[0]
    for pattern in CONTRACT["paths"]:
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path):
            return pattern
    raise Failed("no operation at " + path)


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
