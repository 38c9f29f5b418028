#!/usr/bin/env python3
"""Hostile and random requests, made from the schemas of api/openapi.yaml and thrown at the real daemon: it stays up, every answer is
one of the contract, none is 5xx, nobody reaches what is another's, and the log keeps no secret. The draws depend on --seed alone.
   hostile.py BIN_DIR FIXTURE_DIR [--seconds=N] [--seed=N] [CASE...]"""
import http.client
import json
import os
import random
import statistics
import sys
import threading
import time

from daemon import Answer, Daemon, check_contract, expect, run
from hooks import Receiver
from schema import CONTRACT, operations, resolve, scopes_of

BODY = {"model": "tiny", "cohort": {"cases": 20, "controls": 20}, "seed": 7}
BIG = {"model": "tiny", "cohort": {"cases": 20000, "controls": 20000}}
NOBODY = "01900000-0000-7000-8000-000000000000"
JSON = {"Content-Type": "application/json"}
OPTIONS = dict(a[2:].split("=") for a in sys.argv[3:] if a.startswith("--"))
SECONDS, SEED = float(OPTIONS.get("seconds", 8)), int(OPTIONS.get("seed", 1))
ALL_SCOPES = CONTRACT["components"]["schemas"]["Scope"]["enum"]


class World:
    def __init__(self):
        self.receiver = Receiver()
        port = self.receiver.port
        # an operator who allows far too much: only what the daemon itself refuses stands between a requester and these
        hosts = ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0"]
        self.hosts = [f"{h}:{port}" for h in hosts] + ["10.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.0.1", "100.64.0.1"]
        self.d = Daemon(sys.argv[1], sys.argv[2], "hostile", webhooks__hosts=" ".join(self.hosts), webhooks__http=True,
                        webhooks__attempts_max=1, webhooks__timeout_s=2, jobs__queue_max=12, jobs__per_key_max=6,
                        jobs__people_per_day=1000000, http__body_max=8192, http__connections_per_address_max=256,
                        http__streams_max=10000, http__streams_per_owner_max=10000)
        self.d.start()
        self.keys = {o: self.d.key(o, "--scope", s) for o, s in (
            ("alice", "jobs:create jobs:read models:read"), ("bob", "jobs:create jobs:read models:read"), ("root", " ".join(ALL_SCOPES)),
            ("rhea", "release:review jobs:read"), ("mallory", "jobs:create jobs:read models:read"))}
        self.alice, self.bob, self.root, self.rhea, self.mallory = (self.d.client(k) for k in self.keys.values())
        self.job = self.alice.ask("POST", "/v1/jobs", BODY, {"Prefer": "wait=50"}).json["id"]
        expect(self.alice.get("/v1/jobs/" + self.job).json["state"] == "released")
        expect(self.alice.ask("POST", f"/v1/jobs/{self.job}/verify").status == 202)

    def idle(self):
        """Nothing waits and nothing runs."""
        for state in ("queued", "running"):
            for j in self.root.get(f"/v1/jobs?page_size=100&state={state}").json["jobs"]:
                self.root.ask("DELETE", "/v1/jobs/" + j["id"])
        for state in ("queued", "running"):
            for j in self.root.get(f"/v1/jobs?page_size=100&state={state}").json["jobs"]:
                self.root.wait(j["id"])


# ---- random requests from the schemas ----


def huge(r):
    return r.choice([-1, 0, 1, 2**31, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -2**63, 10**30, 10**400, 1.5, -0.0, 1e-300, 1e308])


def text(r):
    return r.choice(["", " ", "a" * r.choice([1, 63, 64, 128, 129, 511, 600, 3000]), "../../etc/passwd", "'; DROP TABLE jobs; --", "${jndi:x}",
                     "%s%n%x", "\u0000", "\u202e", "\U0001f9ec" * 20, "\ud800", "{{7*7}}", "true", "null", "0", "sgk_", "<script>", "\r\nX: y",
                     "".join(chr(r.choice([r.randrange(32, 127), r.randrange(160, 0x2fff)])) for _ in range(r.randrange(40)))])


def anything(r, depth=0):
    kind = r.randrange(7 if depth < 4 else 5)
    if kind == 5:
        return [anything(r, depth + 1) for _ in range(r.randrange(4))]
    if kind == 6:
        return {text(r)[:60]: anything(r, depth + 1) for _ in range(r.randrange(4))}
    return [None, r.random() < 0.5, huge(r), text(r), text(r)][kind]


def fitting(r, schema):
    """A value that fits, mostly."""
    s = resolve(schema)
    if "const" in s:
        return s["const"]
    if "enum" in s:
        return r.choice(s["enum"])
    kind = s.get("type", "string")
    kind = r.choice(kind) if isinstance(kind, list) else kind
    if kind == "object":
        names = [n for n in s.get("properties", {}) if n in s.get("required", []) or r.random() < 0.4]
        if "oneOf" in s:
            names += [n for n in r.choice(s["oneOf"])["required"] if n not in names]
        return {n: fitting(r, s["properties"][n]) for n in names}
    if kind == "array":
        return [fitting(r, s["items"]) for _ in range(r.randrange(s.get("minItems", 0), 4))]
    if kind == "integer":
        low = s.get("minimum", 0)
        return r.randrange(low, min(s.get("maximum", low + 60), low + 60) + 1)
    if kind == "number":
        return r.uniform(s.get("minimum", 0), s.get("maximum", 1))
    return {"boolean": True, "null": None}.get(kind, "tiny")


def mutate(r, value, depth=0):
    """One thing in it is wrong, somewhere."""
    if depth < 4 and isinstance(value, dict) and value and r.random() < 0.7:
        name = r.choice(list(value))
        how = r.randrange(4)
        if how == 0:
            return {k: v for k, v in value.items() if k != name}
        if how == 1:
            return {**value, r.choice(["owner", "state", "score", "id", "__proto__", "", text(r)[:40]]): anything(r)}
        return {**value, name: mutate(r, value[name], depth + 1)}
    if depth < 4 and isinstance(value, list) and value and r.random() < 0.7:
        i = r.randrange(len(value))
        return r.choice([value + value, value[:i] + [mutate(r, value[i], depth + 1)] + value[i + 1:], value * 200])
    return anything(r)


def broken(r, raw):
    """Bytes of a JSON text, damaged."""
    how = r.randrange(9)
    at = r.randrange(len(raw) + 1)
    if how == 0:
        return raw[:at]
    if how == 1:
        return raw[:at] + bytes(r.randrange(256) for _ in range(r.randrange(1, 9))) + raw[at:]
    if how == 2:
        return b'{"x":' * r.choice([10, 33, 1000]) + raw + b"}" * r.choice([0, 10, 33, 1000])
    if how == 3:
        return b"[" * r.choice([10, 4000]) + b"]" * r.choice([0, 10, 4000])
    if how == 4 and raw.startswith(b'{"'):
        return b"{" + raw[1:-1] + b"," + raw[1:]  # every member twice
    if how == 5:
        return r.choice([b"\xff\xfe", b"\xef\xbb\xbf", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"]) + raw
    if how == 6:
        return b'{"model":"' + bytes(r.randrange(128, 256) for _ in range(5)) + b'"}'
    if how == 7:
        return raw + raw
    return r.choice([b"", b"null", b"0", b'""', b"nan", b"{}", b"//", b"{'a':1}", b"1e999999", b"-", b"\x00", b" " * 8000, b" " * 9000])


def escaped(r, s):
    return "".join(c if c.isalnum() and ord(c) < 128 and r.random() < 0.9 else "".join(f"%{b:02X}" for b in c.encode("utf-8", "surrogatepass"))
                   for c in s)


def random_target(r, w, pattern, parameters):
    ids = [w.job, NOBODY, "tiny", w.keys["bob"].split("_")[1], "x", "..", "%2e%2e", "%00", "a%2fb", escaped(r, text(r)) or "y", "0" * 300]
    names = ["cohort.bed", "manifest.json", "..%2f..%2fsnpgen.db", "cohort.bed%00.txt", ".", "", escaped(r, text(r)) or "z"]
    path = pattern.replace("{id}", r.choice(ids)).replace("{name}", r.choice(names))
    query = []
    for p in parameters:
        if p["in"] == "query" and r.random() < 0.5:
            value = fitting(r, p["schema"]) if r.random() < 0.5 else anything(r, 4)
            query.append(p["name"] + "=" + escaped(r, str(value)[:300]))
    if r.random() < 0.15:
        query.append(r.choice(["x=1", "state", "=", "page_size=1&page_size=2", "a=%", "a=%zz", "&&&", "a=%c3%28", "page_token=p-1", "page_token=p" + "9" * 20]))
    return path + ("?" + "&".join(query) if query else "")


def random_headers(r, key):
    h = {"Authorization": "Bearer " + key}
    choices = {"Range": ["bytes=0-", "bytes=5-1", "bytes=-0", "bytes=0-1,2-3", "bytes=" + "9" * 30 + "-", "lines=1-2", "bytes=a-b"],
               "If-Range": ['"x"', 'W/"x"', "Wed, 21 Oct 2015 07:28:00 GMT", ""],
               "If-None-Match": ["*", '"x"', 'W/"x", "y"', '"' + "x" * 500, ","],
               "Accept": ["*/*", "text/html", "application/json;q=0", "a/b;q=zzz", ";;;,,,", "text/event-stream", "application/*"],
               "Prefer": ["wait=0", "wait=-1", "wait=99999999999999999999", "wait", 'wait="0"', "respond-async, wait=0"],
               "Idempotency-Key": ["a", "a" * 255, "a" * 256, "\xff", '"q"', "k k", str(r.randrange(20))],
               "Last-Event-ID": ["0", "-1", "99999999999999999", "x", ""],
               "Content-Type": ["application/json", "application/json; charset=utf-16", "text/json", "", "application/jsonx"],
               "traceparent": ["00-" + "0" * 32 + "-" + "0" * 16 + "-00", "zz", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
               "X-Forwarded-For": ["127.0.0.1", "x" * 300], "X-HTTP-Method-Override": ["DELETE"],
               "Authorization": ["Bearer", "Bearer ", "Basic eDp5", "Bearer a.b.c", "Bearer eyJhbGciOiJub25lIn0.e30.", "bearer sgk_x", "Bearer " + "x" * 9000,
                                 "Bearer " + key[:-1], "Bearer " + key + "0", "Digest x"]}
    for name, values in choices.items():
        if r.random() < 0.12:
            h[name] = r.choice(values)
    return h


def one_random(r, w, c, rows):
    method, pattern, op, parameters = r.choice(rows)
    method = r.choice(["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]) if r.random() < 0.03 else method
    if (method, pattern) in (("DELETE", "/v1/keys/{id}"), ("POST", "/v1/keys/{id}/rotate")) and r.random() < 0.7:
        return None  # few, or there are a million keys
    key = w.keys[r.choice([*w.keys, "root", "root"])]
    path, headers, body = random_target(r, w, pattern, parameters), random_headers(r, key), None
    if path.startswith("/v1/keys/") and method != "GET":
        path = path.replace(w.keys["bob"].split("_")[1], NOBODY)
    if path.split("?")[0] in ("/v1/jobs/" + w.job, f"/v1/jobs/{w.job}/decision") and method in ("DELETE", "POST"):
        return None  # the other cases want it released
    if "requestBody" in op or r.random() < 0.03:
        media = op.get("requestBody", {"content": {"application/json": {"schema": {"type": "object"}}}})["content"]["application/json"]
        value = fitting(r, media["schema"])
        if pattern == "/v1/jobs" and r.random() < 0.3:
            value["callback_url"] = r.choice(urls(w))
        value = mutate(r, value) if r.random() < 0.6 else value
        body = json.dumps(value, ensure_ascii=r.random() < 0.5).encode("utf-8", "surrogatepass")
        body = broken(r, body) if r.random() < 0.3 else body
        headers.setdefault("Content-Type", "application/json")
    headers = {k: v for k, v in headers.items() if v.isprintable() or k == "Idempotency-Key"}
    c.request(method, path, body, headers)
    answer = c.getresponse()
    if answer.status == 200 and "text/event-stream" in answer.headers.get("Content-Type", ""):
        c.close()
        return method, path, answer.status
    if method == "HEAD" or "%2f" in path.lower() or "/." in path or path.split("?")[0].endswith("/") or "%2e" in path.lower():
        answer.read()  # which operation that was is not to be told from the text of the path
        expect(answer.status < 500, method, path, answer.status)
        return method, path, answer.status
    check_contract(method, path, Answer(answer.status, answer.getheaders(), answer.read()))
    expect(answer.status < 500, method, path, answer.status)
    return method, path, answer.status


def random_requests_are_answered_by_the_contract_and_never_5xx(w):
    r, rows, counts, n = random.Random(SEED), list(operations()), {}, 0
    end = time.time() + SECONDS
    c = http.client.HTTPConnection("127.0.0.1", w.d.port, timeout=20)
    last = None
    while time.time() < end:
        state = n
        try:
            last = one_random(r, w, c, rows)
        except (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected):
            c.close()  # it was told to go before it had sent everything: the next one shows whether the daemon lives
            last = None
            continue
        except (ValueError, http.client.InvalidURL):
            c.close()
            continue  # no client sends that; raw.py does
        n += 1
        if last:
            counts[last[2]] = counts.get(last[2], 0) + 1
        expect(w.d.process.poll() is None, "the daemon died at request", state, "of seed", SEED, last)
    c.close()
    expect(w.d.client().get("/livez").status == 200)
    print(f"     {n} requests, seed {SEED}:", dict(sorted(counts.items())))
    expect(n > 200 and {200, 400, 401, 404, 422} <= set(counts), counts)
    w.idle()


# ---- mass assignment ----


def what_the_service_decides_cannot_be_sent_along(w):
    schemas = CONTRACT["components"]["schemas"]
    rows = [("POST", "/v1/jobs", BODY, w.mallory, set(schemas["Job"]["properties"]) | {"owner", "score", "quota", "verdict", "reviewer", "key_id"},
             schemas["JobRequest"]["properties"]),
            ("POST", "/v1/keys", {"owner": "eve"}, w.root, set(schemas["NewKey"]["properties"]) | {"admin", "digest"}, schemas["KeyRequest"]["properties"]),
            ("POST", f"/v1/jobs/{w.job}/verify", {}, w.alice, {"outcome", "state", "owner", "seed"}, {})]
    before = len(w.mallory.get("/v1/jobs?page_size=100").json["jobs"])
    for method, path, body, c, names, known in rows:
        for name in sorted(names - set(known)):
            for value in ("released", 1, None, {}, [], True):
                a = c.ask(method, path, {**body, name: value})
                expect(a.status == 422, path, name, value, a.status, a.body)
                expect(name in a.json["errors"][0].get("pointer", "") or "verify" in path, path, name, a.body)
    for where in ("cohort", "sampler"):
        for name in ("owner", "state", "people", "seed", "model_digest"):
            inner = {**({"cases": 20, "controls": 20} if where == "cohort" else {}), name: 1}
            expect(w.mallory.ask("POST", "/v1/jobs", {**BODY, where: inner}).status == 422, where, name)
    expect(len(w.mallory.get("/v1/jobs?page_size=100").json["jobs"]) == before)


# ---- other tenants, other functions ----


def shape(answer):
    """All that an answer tells, without what names the request."""
    j = answer.json
    kept = {k: v for k, v in j.items() if k not in ("instance", "request_id")}
    return answer.status, kept, sorted(answer.headers), len(answer.body)


def anothers_ids_are_nobodys_on_every_route(w):
    running = w.alice.post(BIG).json["id"]
    w.alice.wait(running, until=("running",))
    queued = w.alice.post(BODY).json["id"]
    gone = w.alice.post({**BODY, "seed": 3}).json["id"]
    w.alice.ask("DELETE", "/v1/jobs/" + gone)
    n = 0
    for method, pattern, op, _ in operations():
        if not pattern.startswith("/v1/jobs/{id}"):
            continue
        for c in (w.bob, w.rhea):
            if c is w.rhea and scopes_of(op)[0] not in ("jobs:read", "release:review"):
                continue
            if c is w.bob and scopes_of(op)[0] == "release:review":
                continue
            body = {"decision": "approve", "reason": "x"} if "decision" in pattern else {} if "requestBody" in op else None
            nobodys = shape(c.ask(method, pattern.replace("{id}", NOBODY).replace("{name}", "cohort.bed"), body))
            expect(nobodys[0] == 404, method, pattern, nobodys)
            for job in (w.job, running, queued, gone):
                got = shape(c.ask(method, pattern.replace("{id}", job).replace("{name}", "cohort.bed"), body))
                expect(got == nobodys, method, pattern, got, nobodys)
                n += 1
    for path in ("/v1/jobs?owner=alice", "/v1/usage?owner=alice"):
        nobodys = w.bob.get(path.replace("alice", "nobody-at-all"))
        expect(shape(w.bob.get(path)) == shape(nobodys) and nobodys.status == 400, path)
    expect(all(j["id"] not in (w.job, running, queued, gone) for j in w.bob.get("/v1/jobs?page_size=100").json["jobs"]))
    # a token of a page is a place in a list, not a way into another's
    for token in range(1, 30):
        for j in w.bob.get(f"/v1/jobs?page_token=p{token}").json["jobs"]:
            expect(j["id"] not in (w.job, running, queued, gone))
    s = w.bob.stream("/v1/events", Last_Event_ID="0")
    expect(s.status == 200)
    w.root.ask("DELETE", "/v1/jobs/" + queued)
    mine = w.bob.ask("POST", "/v1/jobs", {**BODY, "seed": 5}).json["id"]
    w.bob.ask("DELETE", "/v1/jobs/" + mine)
    while True:
        e = s.next()
        expect(e is not None and (e["event"] == "reset" or e["data"]["job"] not in (w.job, running, queued, gone)), e)
        if e["event"] == "job" and e["data"]["job"] == mine and e["data"]["state"] == "cancelled":
            break
    s.close()
    w.root.ask("DELETE", "/v1/jobs/" + running)
    w.root.wait(running)
    print(f"     {n} answers like those of an id that nobody has")


def anothers_id_takes_no_longer_than_nobodys(w):
    """By turns on one connection; the share of pairs where another's took longer is a half, but for the noise of measuring."""
    c = http.client.HTTPConnection("127.0.0.1", w.d.port, timeout=20)
    c.connect()
    c.sock.setsockopt(6, 1, 1)
    h = {"Authorization": "Bearer " + w.keys["bob"]}

    def once(job):
        t = time.perf_counter_ns()
        c.request("GET", "/v1/jobs/" + job, headers=h)
        a = c.getresponse()
        a.read()
        expect(a.status == 404)
        return time.perf_counter_ns() - t

    pairs, r = [], random.Random(SEED)
    for i in range(2200):
        order = [w.job, NOBODY] if r.random() < 0.5 else [NOBODY, w.job]
        took = {j: once(j) for j in order}
        if i >= 200:
            pairs.append((took[w.job], took[NOBODY]))
    c.close()
    longer = sum(a > b for a, b in pairs) / len(pairs)
    theirs, nobodys = (statistics.median(p[k] for p in pairs) / 1000 for k in (0, 1))
    print(f"     another's {theirs:.1f} us, nobody's {nobodys:.1f} us; longer in {100 * longer:.1f} % of {len(pairs)} pairs")
    expect(0.38 < longer < 0.62, "whose an id is can be measured")


def a_key_does_only_what_its_scopes_say_on_every_route(w):
    n = 0
    for scope in ALL_SCOPES:
        if scope == "admin":
            continue
        c = w.d.client(w.d.key("mono", "--scope", scope))
        for method, pattern, op, _ in operations():
            wanted = scopes_of(op)
            if wanted is None or scope in wanted:
                continue
            for path in (pattern.replace("{id}", NOBODY).replace("{name}", "x"), pattern.replace("{id}", w.job).replace("{name}", "cohort.bed")):
                body = {} if "requestBody" in op else None
                a = c.ask(method, path, body)
                expect(a.status == 403 and wanted[0] in a.headers["www-authenticate"], scope, method, path, a.status)
                n += 1
    print(f"     {n} refusals")


# ---- SSRF ----


def urls(w):
    port = w.receiver.port
    literals = ["[::1]", "[::]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]", "[fe80::1%25lo]", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"]
    return [f"http://{h}/x" for h in w.hosts] + [f"http://{h}:{port}/x" for h in literals] + [
        f"http://user@127.0.0.1:{port}/", f"http://user:pw@localhost:{port}/", f"http://example.org@127.0.0.1:{port}/", f"http://127.0.0.1:{port}@example.org/",
        f"http://127.0.0.1:{port}#@example.org/", f"http://example.org\\@127.0.0.1:{port}/", f"http://127.0.0.1:{port}\t/", f"http://127.0.0.1%3a{port}/",
        f"http://127.0.0.1:{port + 1}/", "http://127.0.0.1:22/", "http://127.0.0.1:0/", "http://127.0.0.1:99999/", "http://127.0.0.1:/", "http:///x", "http://",
        f"//127.0.0.1:{port}/", "file:///etc/passwd", "gopher://127.0.0.1:70/_x", "ftp://127.0.0.1/", "dict://127.0.0.1:11211/", "javascript:alert(1)", "ldap://127.0.0.1/",
        f"HTTP://127.0.0.1:{port}/", f"http://\u0031\u0032\u0037.0.0.1:{port}/", f"http://\uff11\uff12\uff17.0.0.1:{port}/", f"http://127\u30020\u30020\u30021:{port}/",
        f"http://localhost.:{port}/", f"http://127.0.0.1.nip.io:{port}/", "http://metadata.google.internal/", "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/", "http://0/", "http://1/", "http://a b/", "http://x/\r\nHost: y", "http://" + "a" * 600 + "/", "", " ", "http", "http:/x"]


def no_callback_reaches_inside_whatever_it_is_called(w):
    taken = 0
    allowed = {h.lower() for h in w.hosts}
    for url in urls(w):
        a = w.mallory.ask("POST", "/v1/jobs", {**BODY, "cohort": {"cases": 20, "controls": 20}, "callback_url": url})
        while a.status == 429:
            time.sleep(0.1)
            a = w.mallory.ask("POST", "/v1/jobs", {**BODY, "callback_url": url})
        expect(a.status in (202, 422), url, a.status)
        if a.status == 422:
            expect([e["pointer"] for e in a.json["errors"]] == ["/callback_url"], url, a.body)
            continue
        host = url.split("://")[1].split("/")[0]
        expect(host in allowed, url, "names no host that is allowed, and was taken")
        taken += 1
        w.mallory.wait(a.json["id"])
    expect(taken >= len(w.hosts), taken)
    end = time.time() + 30
    while w.d.log().count("a webhook is given up") < taken:
        expect(time.time() < end, "not every call is settled:", w.d.log().count("a webhook is given up"), "of", taken)
        time.sleep(0.1)
    expect(not w.receiver.calls, "it was called:", w.receiver.calls)
    expect("a webhook is delivered" not in w.d.log())
    print(f"     {len(urls(w))} URLs, {taken} of allowed hosts; nothing was called")


# ---- draining a model by many small jobs ----


def many_small_jobs_at_once_get_no_more_than_the_day_has(w):
    keys = [w.root.ask("POST", "/v1/keys", {"owner": "drain", "people_per_day": 400, "jobs_max": 100}).json["key"] for _ in range(8)]
    got, lock = [], threading.Lock()

    def drain(key, k):
        c = w.d.client(key)
        for i in range(30):
            a = c.ask("POST", "/v1/jobs", {**BODY, "cohort": {"cases": 10, "controls": 10}, "seed": 100 * k + i})
            with lock:
                got.append((a.status, a.headers.get("retry-after"), a.json.get("detail", "")))

    threads = [threading.Thread(target=drain, args=(k, i)) for i, k in enumerate(keys)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    taken = sum(s == 202 for s, _, _ in got)
    expect(len(got) == 240 and {s for s, _, _ in got} <= {202, 429}, got[:5])
    expect(all(int(retry) > 0 for s, retry, _ in got if s == 429))
    u = w.d.client(keys[0]).get("/v1/usage").json["today"]
    expect(u["people"] == 20 * taken <= 400 and u["open_jobs"] <= 12, taken, u)
    while taken < 20:  # what is left of the day can be had, and no more
        a = w.d.client(keys[1]).ask("POST", "/v1/jobs", {**BODY, "cohort": {"cases": 10, "controls": 10}})
        taken += a.status == 202
        expect(a.status == 202 or "queue is full" in a.json["detail"], a.body)
        time.sleep(0.02)
    for k in keys:
        a = w.d.client(k).ask("POST", "/v1/jobs", {**BODY, "cohort": {"cases": 1, "controls": 0}})
        expect(a.status == 429 and "400 of 400 people of today" in a.json["detail"], a.body)
    w.idle()


# ---- in the end ----


def the_log_keeps_no_secret(w):
    log = w.d.log()
    for owner, key in w.keys.items():
        expect(key.split("_")[2] not in log, owner)
    for word in ("eyJhbGciOiJub25lIn0", "SYN0", "Basic eDp5"):
        expect(word not in log, word)
    lines = log.splitlines()
    for line in lines:
        row = json.loads(line)
        expect(row.get("level") != "error", line)
    expect("the log is whole" in w.d.admin("audit", "verify") if w.d.stop() == 0 else False, "the daemon did not stop well")


def finish(w, bad):
    if w.d.process.poll() is None:
        w.d.stop()
    if bad or w.d.process.returncode != 0:
        print(f"daemon exit {w.d.process.returncode}; the end of its log:\n" + w.d.log()[-1500:])
    w.receiver.server.shutdown()
    w.d.remove()


CASES = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == "__main__" and getattr(f, "__code__", None)
         and f.__code__.co_varnames[:f.__code__.co_argcount] == ("w",) and f.__name__ not in ("urls",)]

if __name__ == "__main__":
    sys.exit(run(CASES, World, finish, [a for a in sys.argv[3:] if not a.startswith("--")]))
