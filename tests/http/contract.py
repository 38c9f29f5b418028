#!/usr/bin/env python3
"""api/openapi.yaml enforced: it is whole in itself, names the very operations of the server's table, and the real daemon gives
every response of every operation, each held against it: status, headers, media type, members. What cannot be provoked from
outside is listed in UNREACHABLE with its reason; so is nothing else.   contract.py BIN_DIR FIXTURE_DIR [CASE...]"""
import json
import os
import re
import signal
import socket
import sys
import time

import schema
from daemon import SEEN, Answer, Daemon, check_contract, expect, raw, run
from schema import CONTRACT, ROOT, operations, resolve, scopes_of

BODY = {"model": "tiny", "cohort": {"cases": 20, "controls": 20}, "seed": 7}
BIG = {"model": "tiny", "cohort": {"cases": 20000, "controls": 20000}}
NOBODY = "01900000-0000-7000-8000-000000000000"
JSON = {"Content-Type": "application/json"}

UNREACHABLE = {
    ("*", "*", 500): "an error of the class INTERNAL: a mistake in the program, which no request makes",
}
# headers of responses that are seen, but never with them
UNREACHABLE_HEADERS = {}


class World:
    def __init__(self):
        self.d = Daemon(sys.argv[1], sys.argv[2], "contract", http__body_max=4096, http__streams_per_owner_max=1,
                        http__heartbeat_s=1, jobs__per_key_max=1, jobs__queue_max=8, worker__program="/to/be/replaced")
        policy = os.path.join(self.d.folder, "policy.toml")
        with open(os.path.join(ROOT, "deploy", "policy-demo.toml"), encoding="utf-8") as f:
            self.policy = f.read()
        with open(policy, "w", encoding="utf-8") as f:
            f.write(self.policy)
        self.policy_path = policy
        text = open(self.d.config, encoding="utf-8").read()
        with open(self.d.config, "w", encoding="utf-8") as f:
            f.write(re.sub("policy = .*", f'policy = "{policy}"', text).replace("/to/be/replaced", self.d.folder + "/worker"))
        self.make_program()
        self.keys = {o: self.d.key(o, *more) for o, more in (
            ("alice", ()), ("bob", ()), ("root", ("--scope", "admin")), ("rita", ("--scope", "jobs:read")),
            ("audrey", ("--scope", "audit:read")), ("rhea", ("--scope", "release:review jobs:read")))}
        self.d.start(ready=False)

    def make_program(self):
        """The real worker, which starts once the file "open" is there: so there is a time without models."""
        path = os.path.join(self.d.folder, "worker")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\nwhile [ ! -e "{self.d.folder}/open" ]; do sleep 0.05; done\n'
                    f'exec "{os.path.realpath(self.d.bin)}/snpgend-worker" "$@"\n')
        os.chmod(path, 0o755)

    def open_the_models(self):
        with open(os.path.join(self.d.folder, "open"), "w", encoding="utf-8"):
            pass
        end = time.time() + 60
        while self.anyone.get("/readyz").status != 200:
            expect(time.time() < end, "the models are never opened:", self.d.log()[-2000:])
            time.sleep(0.02)

    def __getattr__(self, owner):
        if owner == "anyone":
            return self.d.client()
        if owner in self.__dict__.get("keys", {}):
            return self.d.client(self.keys[owner])
        raise AttributeError(owner)


def fill(pattern, job=NOBODY):
    name = {"/v1/models": "nothing", "/v1/jobs": job, "/v1/keys": "nobody"}
    return pattern.replace("{name}", "cohort.bed").replace("{id}", name.get(pattern.split("/{")[0], "x"))


# ---- the document ----


def the_contract_is_whole_in_itself(_):
    expect(schema.lint() >= 30)


def the_contract_and_the_servers_table_name_the_same_operations(w):
    with open(os.path.join(ROOT, "server", "routes", "routes.c"), encoding="utf-8") as f:
        table = f.read().split("sg_routes[] = {")[1].split("{NULL")[0]
    served = set(re.findall(r'\{"([A-Z]+)", "(/[^"]*)"', table))
    described = {(m, p) for m, p, _, _ in operations()}
    expect(served == described, "served only:", served - described, "described only:", described - served)
    for pattern, item in CONTRACT["paths"].items():
        a = w.anyone.ask("OPTIONS", fill(pattern))
        methods = {m.upper() for m in item if m in schema.METHODS}
        expect(a.status == 204 and set(a.headers["allow"].split(", ")) == methods | {"OPTIONS"} | ({"HEAD"} & {"HEAD" for m in
               methods if m == "GET"}), pattern, a.headers)
        a = w.anyone.ask("PATCH", fill(pattern))
        expect(a.status == 405 and "GET" in a.headers["allow"] or "POST" in a.headers["allow"], pattern)


def what_is_served_is_the_document(w):
    a = w.anyone.get("/openapi.json")
    expect(a.json == CONTRACT)


# ---- before the models are open ----


def before_the_models_are_open_it_says_so(w):
    expect(w.anyone.get("/livez").status == 200)
    for path in ("/readyz", "/v1/models", "/v1/models/tiny", "/v1/models/tiny/panel"):
        a = w.alice.get(path)
        expect(a.status == 503 and int(a.headers["retry-after"]) > 0, path, a.status)
    expect(w.alice.post(BODY).status == 503)
    w.open_the_models()


# ---- what every operation answers alike ----


def every_operation_refuses_who_has_no_key_or_the_wrong_scope(w):
    for method, pattern, op, _ in operations():
        wanted = scopes_of(op)
        if wanted is None:
            continue
        path, body = fill(pattern), {} if "requestBody" in op else None
        expect(w.anyone.ask(method, path, body).status == 401, method, path)
        expect(w.d.client("sgk_nonsense").ask(method, path, body).status == 401, method, path)
        other = w.audrey if "audit:read" not in wanted else w.rita
        expect(other.ask(method, path, body).status == 403, method, path)


def every_operation_refuses_what_is_malformed(w):
    for method, pattern, op, parameters in operations():
        path = fill(pattern)
        a = w.root.ask(method, path + "?a=%zz", {} if "requestBody" in op else None)
        expect(a.status == 400, method, path, a.status)
        if "requestBody" not in op:
            expect(w.root.ask(method, path, "{}", JSON).status == 400, method, path, "takes a body")
        kinds = {k for r in op["responses"].values() for k in resolve(r).get("content", {})}
        if "406" in op["responses"]:
            a = w.root.ask(method, path, {} if "requestBody" in op else None, {"Accept": "application/x-nothing"})
            expect(a.status == 406, method, path, a.status)
        else:
            expect(method == "DELETE" or not any("json" in k and "problem" not in k for k in kinds) or "200" in op["responses"])
        for p in parameters:
            if p["in"] == "query" and p["schema"].get("type") == "integer":
                for bad in ("x", "-1", "1e3", "99999999999999999999"):
                    expect(w.root.ask(method, f"{path}?{p['name']}={bad}").status == 400, method, path, p["name"], bad)


def every_operation_with_a_body_refuses_a_wrong_one(w):
    made = w.root.ask("POST", "/v1/keys", {"owner": "eve"}).json["id"]
    job = w.released()
    for method, pattern, op, _ in operations():
        if "requestBody" not in op:
            continue
        path, c = fill(pattern, job).replace("nobody", made), w.root if "admin" in scopes_of(op) else w.alice
        if "release:review" in scopes_of(op):
            path, c = fill(pattern, w.withheld()), w.rhea
        expect(c.ask(method, path, " " * 5000, JSON).status == 413, method, path)
        expect(c.ask(method, path, "{}", {"Content-Type": "text/plain"}).status == 415, method, path)
        for body in ('{"a":1,"a":2}', "[]", "{", "\xff", '{"a":' * 100):
            expect(c.ask(method, path, body.encode("latin-1"), JSON).status == 400, method, path, body)
        a = c.ask(method, path, {"no such member": 1})
        expect(a.status == 422 and a.json["errors"], method, path, a.status)


def what_is_not_there_is_404_everywhere(w):
    for method, pattern, op, _ in operations():
        if "404" in op["responses"] and "{id}" in pattern:
            body = {"decision": "reject", "reason": "x"} if "decision" in pattern else {} if "requestBody" in op else None
            c = w.d.client(w.d.key("many", "--scope", "admin jobs:read jobs:create models:read release:review"))
            expect(c.ask(method, fill(pattern), body).status == 404, method, pattern)
    for path in ("/", "/v1", "/v2/jobs"):
        expect(w.anyone.get(path).status == 404)
    expect(w.anyone.get("/nothing%zz").status == 400)
    expect(w.anyone.get("/.well-known/oauth-protected-resource").status == 404)  # no issuer is set here


def what_no_operation_sees_is_refused_before(w):
    head = "Host: h\r\nConnection: close\r\n"
    for line, status in (("GET /livez HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
                         (f"GET /v1/jobs?page_token={'p' * 3000} HTTP/1.1\r\n{head}\r\n", 414),
                         (f"GET /livez HTTP/1.1\r\n{head}X: {'x' * 17000}\r\n\r\n", 431),
                         (f"POST /v1/jobs HTTP/1.1\r\n{head}Content-Length: 2000000\r\n\r\n", 413)):
        method, path = line.split(" ")[:2]
        got = raw(w.d.port, line)
        expect(got.startswith(b"HTTP/1.1 %d " % status), status, got[:200])
        check_contract(method, path if status != 414 else "/v1/jobs", answer_of(got))


def answer_of(got):
    top, body = got.split(b"\r\n\r\n", 1)
    lines = top.decode().split("\r\n")
    return Answer(int(lines[0].split(" ")[1]), [tuple(x.split(": ", 1)) for x in lines[1:]], body)


# ---- each operation's own ----


def what_has_an_etag_is_not_sent_twice(w):
    job = w.released()
    w.alice.ask("POST", f"/v1/jobs/{job}/verify", {})
    for method, pattern, op, _ in operations():
        if "304" not in op["responses"] or "resource" in pattern:
            continue
        path = fill(pattern, job).replace("/nothing", "/tiny").replace("nobody", w.keys["alice"].split("_")[1])
        path += "?entry=1&size=3" if pattern.endswith("/proof") else "?page_size=1" if pattern == "/v1/audit" else ""
        c = {"admin": w.root, "audit:read": w.audrey}.get((scopes_of(op) or [""])[0], w.alice)
        until = time.time() + 60
        while True:  # the verification goes on, and /v1/keys says when a key was last used
            first = c.ask(method, path)
            expect(first.status == 200, method, path, first.status)
            again = c.ask(method, path, headers={"If-None-Match": first.headers["etag"]})
            if again.status == 304:
                break
            expect(time.time() < until, path, again.status)
        expect(again.headers["etag"] == first.headers["etag"])
        expect(c.ask("HEAD", path).status == 200)


def files_come_whole_and_in_parts(w):
    for path in (f"/v1/jobs/{w.released()}/manifest", f"/v1/jobs/{w.released()}/files/cohort.bed",
                 f"/v1/jobs/{w.released()}/files/README.txt", f"/v1/jobs/{w.released()}/files/report.json",
                 f"/v1/jobs/{w.released()}/files/report.html"):
        expect(w.alice.get(path).status == 200)
        expect(w.alice.get(path, Range="bytes=1-2").status == 206)
        expect(w.alice.get(path, Range="bytes=99999999-").status == 416)


def a_job_is_asked_for_followed_and_deleted(w):
    a = w.bob.post(BIG, Idempotency_Key="k")
    expect(a.status == 202)
    job = a.json["id"]
    w.bob.wait(job, until=("running",))
    s = w.bob.stream(f"/v1/jobs/{job}/events")
    expect(s.status == 200 and s.next()["data"]["state"] == "queued")
    expect(w.bob.get(f"/v1/jobs/{job}/events").status == 429 and w.bob.get("/v1/events").status == 429)
    expect(w.bob.post(BODY).status == 429)
    queued = w.alice.post(BODY).json["id"]
    expect(w.alice.ask("POST", f"/v1/jobs/{queued}/verify", {}).status == 409)
    expect(w.alice.get("/v1/jobs/" + queued, Prefer="wait=0").headers["preference-applied"] == "wait=0")
    expect(w.alice.get(f"/v1/jobs/{queued}/report").json["outcome"] is None)
    expect(b"is queued" in w.alice.get(f"/v1/jobs/{queued}/report", Accept="text/html").body)
    expect(w.alice.ask("DELETE", "/v1/jobs/" + queued).status == 200)
    one, two = w.released(), w.another
    expect(w.alice.ask("POST", f"/v1/jobs/{two}/verify").status == 202)
    a = w.alice.get(f"/v1/jobs/{two}/verification")
    expect(a.status == 200 and a.headers["retry-after"] == "1")
    expect(w.alice.ask("POST", f"/v1/jobs/{one}/verify").status == 429)
    expect(w.bob.ask("DELETE", "/v1/jobs/" + job).status == 202)
    expect(w.bob.wait(job)["state"] == "cancelled")
    s.until("cancelled")
    s.close()
    expect(w.bob.get(f"/v1/jobs/{job}/events", Last_Event_ID="999999").status == 400)
    last = 0
    s = w.bob.stream(f"/v1/jobs/{job}/events")
    while (e := s.next()) is not None:
        last = e.get("id", last)
    expect(w.bob.get(f"/v1/jobs/{job}/events", Last_Event_ID=str(last)).status == 204)
    s = w.bob.stream("/v1/events")
    expect(s.status == 200)
    s.close()
    a = w.bob.ask("POST", "/v1/jobs", BODY, {"Prefer": "wait=60"})
    expect(a.status == 202 and a.json["state"] == "released" and "preference-applied" in a.headers, a.body)
    page = w.bob.get("/v1/jobs?page_size=1")
    expect('rel="next"' in page.headers["link"] and page.json["next_page_token"])
    expect(w.bob.get("/v1/usage").status == 200)


def a_decision_is_made_once(w):
    job = w.withheld()
    path = f"/v1/jobs/{job}/decision"
    expect(w.alice.ask("DELETE", "/v1/jobs/" + job).status == 409)
    own = w.d.client(w.d.key("alice", "--scope", "release:review jobs:read"))
    a = own.ask("POST", path, {"decision": "reject", "reason": "x"})
    expect(a.status == 403 and "of their own" in a.json["detail"])
    expect(w.rhea.ask("POST", path, {"decision": "reject", "reason": "x"}).status == 200)
    expect(w.rhea.ask("POST", path, {"decision": "approve", "reason": "x"}).status == 409)


def a_release_is_recalled_by_a_steward_and_gone_for_its_owner(w):
    a = w.bob.ask("POST", "/v1/jobs", BODY, {"Prefer": "wait=60"})
    expect(a.json["state"] == "released", a.body)
    path = "/v1/jobs/" + a.json["id"]
    recall = {"decision": "recall", "reason": "a newer gate would not have passed it"}
    expect(w.bob.ask("POST", path + "/decision", recall).status == 403, "the owner recalls")
    expect(w.rhea.ask("POST", path + "/decision", recall).status == 404, "a reviewer sees what is withheld alone")
    a = w.root.ask("POST", path + "/decision", recall)
    expect(a.status == 200 and a.json["state"] == "recalled" and a.json["files"] == [], a.body)
    a = w.bob.get(path + "/files/cohort.bed")
    expect(a.status == 410 and f"recalled: {recall['reason']};" in a.json["detail"], a.body)
    expect(w.bob.get(path + "/manifest").status == 410)
    expect(w.bob.get(path).json["state"] == "recalled")
    expect(w.root.ask("POST", path + "/decision", recall).status == 409, "recalled twice")
    expect(w.bob.ask("DELETE", path).status == 409)
    expect("job.recall" in w.d.admin("audit", "export"))

    # The same from the command line, while the daemon runs.
    path = "/v1/jobs/" + w.bob.ask("POST", "/v1/jobs", BODY, {"Prefer": "wait=60"}).json["id"]
    job = path[len("/v1/jobs/"):]
    expect("--reason wants text" in w.d.admin("job", "recall", job, "--reason", " ", ok=False))
    expect("no job has the id" in w.d.admin("job", "recall", "x" + job[1:], "--reason", "r", ok=False))
    w.d.admin("job", "recall", job, "--reason", "two people were members of one family")
    a = w.bob.get(path + "/manifest")
    expect(a.status == 410 and "recalled: two people were members of one family;" in a.json["detail"], a.body)
    expect(w.bob.get(path).json["state"] == "recalled")
    expect(not os.path.exists(os.path.join(w.d.data, "releases", job)), "its files are still there")
    expect("only what is released" in w.d.admin("job", "recall", job, "--reason", "r", ok=False))
    expect("two people were members of one family" in w.d.admin("audit", "export"))


def keys_are_made_shown_rotated_and_revoked(w):
    a = w.root.ask("POST", "/v1/keys", {"owner": "carol", "people_per_day_of_models": {"tiny": 100}, "expires": "2999-01-01"})
    expect(a.status == 201 and a.headers["location"] == "/v1/keys/" + a.json["id"])
    path = a.headers["location"]
    expect(w.root.get(path).json["people_per_day_of_models"] == {"tiny": 100})
    expect(w.root.get("/v1/keys?page_size=1").json["next_page_token"])
    expect(w.root.ask("POST", path + "/rotate", {"overlap_hours": 1}).status == 201)
    expect(w.root.ask("DELETE", path).status == 204)
    expect(w.root.ask("POST", path + "/rotate", {}).status == 409)


def the_audit_log_is_shown_and_proved(w):
    expect(w.audrey.get("/v1/audit?page_size=2").json["next_page_token"])
    expect(w.audrey.get("/v1/audit/checkpoint").status == 200)
    expect(w.audrey.get("/v1/audit/proof?entry=1").status == w.audrey.get("/v1/audit/proof?from=1").status == 200)
    expect(w.audrey.get("/v1/audit/proof?entry=99999999").status == 404)
    expect(w.anyone.get("/v1/audit/key").status == 200)


def an_issuer_is_named_where_there_is_one(_):
    d = Daemon(sys.argv[1], None, "issuer", jwt__issuer="https://portal.example.org/", jwt__audience="https://snpgen.example.org",
               jwt__jwks_file="/", service__url="https://snpgen.example.org", service__contact_url="https://example.org/help")
    jwks = os.path.join(d.folder, "jwks.json")
    with open(jwks, "w", encoding="utf-8") as f:
        json.dump({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "k"}]}, f)
    text = open(d.config, encoding="utf-8").read()
    with open(d.config, "w", encoding="utf-8") as f:
        f.write(text.replace('jwks_file = "/"', f'jwks_file = "{jwks}"'))
    d.start(ready=False)
    a = d.client().get("/.well-known/oauth-protected-resource")
    expect(a.status == 200)
    expect(d.client().get("/.well-known/oauth-protected-resource", If_None_Match=a.headers["etag"]).status == 304)
    expect(d.client().get("/service-info").json["contactUrl"] == "https://example.org/help")
    d.remove()


def a_service_that_stops_says_so(w):
    """A request whose body is still to come holds the stop; who comes meanwhile is told to come back."""
    held = socket.create_connection(("127.0.0.1", w.d.port))
    held.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n")
    expect(w.anyone.get("/livez").status == 200)  # the daemon has read that head
    w.d.process.send_signal(signal.SIGTERM)
    end = time.time() + 20
    while (a := w.anyone.get("/livez")).status == 200:
        expect(time.time() < end, "the daemon does not stop")
    expect(a.status == 503 and "is stopping" in a.json["detail"] and int(a.headers["retry-after"]) > 0, a.body)
    held.close()
    expect(w.d.process.wait(60) == 0)
    w.d.start()


# ---- in the end ----


def every_response_of_the_contract_was_seen(_):
    wanted, headers = set(), set()
    rows = [(m, p, s, r) for m, p, op, _ in operations() for s, r in op["responses"].items()]
    rows += [("*", "*", s, r) for s, r in CONTRACT["x-any-request"]["responses"].items()]
    for method, pattern, status, r in rows:
        who = (method, pattern, int(status))
        wanted.add(who)
        if who not in UNREACHABLE:
            headers |= {(*who, n.lower()) for n in resolve(r).get("headers", {})}
    seen = {x for x in SEEN if len(x) == 3}
    missing = wanted - seen - set(UNREACHABLE)
    expect(not missing, len(missing), "documented responses were never given:", *sorted(missing, key=str))
    expect(not set(UNREACHABLE) & seen, "is reachable after all:", set(UNREACHABLE) & seen)
    missing = headers - SEEN - set(UNREACHABLE_HEADERS)
    expect(not missing, len(missing), "documented headers were never sent:", *sorted(missing, key=str))
    expect(not set(UNREACHABLE_HEADERS) & SEEN, "is sent after all:", set(UNREACHABLE_HEADERS) & SEEN)
    print(f"     {len(wanted)} responses of {len(list(operations()))} operations, {len(headers)} headers of theirs")


def released(w):
    if "one" not in w.__dict__:
        w.one, w.another = (w.alice.ask("POST", "/v1/jobs", {**BODY, "formats": ["plink"], "seed": n},
                                        {"Prefer": "wait=50"}).json["id"] for n in (7, 8))
        expect(w.alice.get("/v1/jobs/" + w.another).json["state"] == "released")
    return w.one


def withheld(w):
    """Under a policy that asks for more people than there are nothing can be said, so nothing is released."""
    if "held" not in w.__dict__:
        w.released()
        w.d.stop()
        with open(w.policy_path, "w", encoding="utf-8") as f:
            f.write(re.sub(r"train_min *=.*", "train_min = 100000", w.policy))
        w.d.start()
        w.held = w.alice.wait(w.alice.post(BODY).json["id"])["id"]
        expect(w.alice.get("/v1/jobs/" + w.held).json["state"] == "withheld")
        w.d.stop()
        with open(w.policy_path, "w", encoding="utf-8") as f:
            f.write(w.policy)
        w.d.start()
    return w.held


World.released, World.withheld = released, withheld
CASES = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == "__main__"
         and f.__name__ not in ("World", "fill", "answer_of", "released", "withheld", "finish")]


def finish(w, bad):
    code = w.d.stop()
    if bad or code != 0:
        print(f"daemon exit {code}; the end of its log:\n" + w.d.log()[-1500:])
    w.d.remove()
    if code != 0:
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(run(CASES, World, finish, sys.argv[3:]))
