#!/usr/bin/env python3
"""Tokens of a portal's issuer, made with stock openssl, against the real daemon.   tokens.py BIN_DIR FIXTURE_DIR [CASE...]"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time

from daemon import Client, Daemon, expect, run

ISSUER, AUDIENCE = "https://portal.example.org/", "https://snpgen.example.org"
BODY = {"model": "tiny", "cohort": {"cases": 20, "controls": 20}, "seed": 7}
SCOPES = "openid jobs:create jobs:read models:read admin"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*words, data=None):
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout


class Key:
    """A private key in a file; its public half as a JWK; signatures as JWS has them."""

    KINDS = {"RS256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
             "ES256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
             "ES384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
             "EdDSA": ["-algorithm", "ED25519"]}

    def __init__(self, folder, alg, kid):
        self.alg, self.kid, self.path = alg, kid, os.path.join(folder, kid + ".pem")
        openssl("genpkey", *self.KINDS[alg], "-out", self.path)
        self.public = openssl("pkey", "-in", self.path, "-pubout")
        der = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")
        if alg == "RS256":
            n = bytes.fromhex(openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip().split("=")[1])
            self.jwk = {"kty": "RSA", "n": b64(n), "e": "AQAB"}
        elif alg == "EdDSA":
            self.jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(der[-32:])}
        else:
            half = 32 if alg == "ES256" else 48
            self.jwk = {"kty": "EC", "crv": "P-256" if alg == "ES256" else "P-384", "x": b64(der[-2 * half:-half]), "y": b64(der[-half:])}
        self.jwk.update(kid=kid, use="sig", alg=alg)

    def sign(self, data):
        if self.alg == "EdDSA":
            with open(self.path + ".in", "wb") as f:
                f.write(data)
            return openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", self.path + ".in")
        made = openssl("dgst", "-sha384" if self.alg == "ES384" else "-sha256", "-sign", self.path, data=data)
        if self.alg == "RS256":
            return made
        half, at, whole = (32 if self.alg == "ES256" else 48), 2, b""
        for _ in range(2):  # DER: SEQUENCE of two INTEGERs
            n = made[at + 1]
            whole += made[at + 2:at + 2 + n].lstrip(b"\0").rjust(half, b"\0")
            at += 2 + n
        return whole

    def token(self, header=None, **claims):
        head = {"alg": self.alg, "kid": self.kid, "typ": "at+jwt", **(header or {})}
        now = int(time.time())
        body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "nbf": now, "exp": now + 300, "scope": SCOPES, **claims}
        text = ".".join(b64(json.dumps({k: v for k, v in x.items() if v is not None}).encode()) for x in (head, body))
        return text + "." + b64(self.sign(text.encode()))


class World:
    def __init__(self):
        self.d = Daemon(sys.argv[1], sys.argv[2], "tokens", jwt__issuer=ISSUER, jwt__audience=AUDIENCE, jwt__leeway_s=5,
                        jwt__jwks_file="/to/be/replaced", service__url="https://snpgen.example.org")
        self.folder = os.path.join(self.d.folder, "keys")
        os.mkdir(self.folder)
        self.file = os.path.join(self.folder, "jwks.json")
        self.rsa, self.ec, self.ed = (Key(self.d.folder, a, a.lower()) for a in ("RS256", "ES256", "EdDSA"))
        self.p384 = Key(self.d.folder, "ES384", "es384")
        self.publish(self.rsa, self.ec, self.ed, self.p384)
        text = open(self.d.config, encoding="utf-8").read()
        with open(self.d.config, "w", encoding="utf-8") as f:
            f.write(text.replace("/to/be/replaced", self.file))
        self.d.start()

    def publish(self, *keys, path=None):
        with open((path or self.file) + ".new", "w", encoding="utf-8") as f:
            json.dump({"keys": [k.jwk for k in keys]}, f)
        os.replace((path or self.file) + ".new", path or self.file)

    def status(self, token, path="/v1/jobs"):
        return self.d.client(token).get(path).status


def each_algorithm_is_taken_and_a_cohort_can_be_made_with_its_token(w):
    for key in (w.rsa, w.ec, w.ed):
        c = w.d.client(key.token(sub="user-" + key.kid))
        a = c.post(BODY)
        expect(a.status == 202, key.alg, a.body)
        job = c.wait(a.json["id"])
        expect(job["state"] in ("released", "withheld"), job)
        # another of the same issuer sees nothing of it
        expect(w.status(key.token(sub="other"), "/v1/jobs/" + job["id"]) == 404)
        # and a fresh token of the same bearer does
        expect(w.status(key.token(sub="user-" + key.kid), "/v1/jobs/" + job["id"]) == 200)
    actors = {json.loads(x)["actor"] for x in w.d.admin("audit", "export").splitlines()}
    expect({"user-rs256", "user-es256", "user-eddsa"} <= actors, actors)


def refused(w, what, token):
    a = w.d.client(token).get("/v1/jobs")
    expect(a.status == 401, what, "is answered with", a.status, a.body)
    expect('error="invalid_token"' in a.headers["www-authenticate"], a.headers)
    expect('resource_metadata="https://snpgen.example.org/.well-known/oauth-protected-resource"' in a.headers["www-authenticate"])
    return a.json["detail"]


def bad_tokens_are_refused_in_the_same_words(w):
    now = int(time.time())
    k = w.ec
    good = k.token()
    head, body, signature = good.split(".")
    expect(w.status(good) == 200)

    def forged(header, secret):
        text = b64(json.dumps(header).encode()) + "." + body
        return text + "." + b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())

    def with_claims(**more):
        claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        claims.update(more)
        return f"{head}.{b64(json.dumps(claims).encode())}.{signature}"

    alien = Key(w.d.folder, "ES256", "alien")
    alien.kid = k.kid
    none = b64(json.dumps({"alg": "none", "kid": k.kid}).encode())
    bad = {
        "expired": k.token(exp=now - 10), "without an end": k.token(exp=None), "an end that is text": k.token(exp="never"),
        "an endless end": k.token(exp=1e300), "not valid yet": k.token(nbf=now + 60), "issued tomorrow": k.token(iat=now + 86400),
        "another audience": k.token(aud="https://elsewhere.example.org"), "other audiences": k.token(aud=["a", AUDIENCE + "/x"]),
        "no audience": k.token(aud=None), "another issuer": k.token(iss="https://portal.example.org"), "no issuer": k.token(iss=None),
        "no owner": k.token(sub=None), "an owner that is a number": k.token(sub=7), "an empty owner": k.token(sub=""),
        "alg none": f"{none}.{body}.", "alg none with a signature": f"{none}.{body}.{signature}",
        "alg NONE": b64(json.dumps({"alg": "NONE", "kid": k.kid}).encode()) + f".{body}.{signature}",
        "HS256 with the public key": forged({"alg": "HS256", "kid": w.rsa.kid, "typ": "JWT"}, w.rsa.public),
        "HS256 with the modulus": forged({"alg": "HS256", "kid": w.rsa.kid}, base64.urlsafe_b64decode(w.rsa.jwk["n"] + "==")),
        "the right key, another alg": k.token({"alg": "RS256"}), "RS512": w.rsa.token({"alg": "RS512"}), "PS256": w.rsa.token({"alg": "PS256"}),
        "an alg that is a list": k.token({"alg": ["ES256"]}), "an unknown kid": k.token({"kid": "nobody"}),
        "no kid in a set of several": k.token({"kid": None}), "a kid that is a number": k.token({"kid": 1}),
        "another curve": w.p384.token(), "another curve called ES256": w.p384.token({"alg": "ES256"}),
        "somebody else's key under our kid": alien.token(), "its own key in the header": alien.token({"jwk": alien.jwk}),
        "critical extensions": k.token({"crit": ["b64"], "b64": True}), "an ID token's typ": k.token({"typ": "dpop+jwt"}),
        "altered claims": with_claims(sub="root"), "another's signature": f"{head}.{body}.{k.token(sub='bob').split('.')[2]}",
        "truncated": good[:-1], "half": good[:len(good) // 2], "two parts": f"{head}.{body}", "no signature": f"{head}.{body}.",
        "four parts": good + ".x", "padding": good + "==", "a stray bit": good[:-1] + chr(ord(good[-1]) + 1) if good[-1] in "AQgw" else good + "A",
        "DER instead of r and s": f"{head}.{body}." + b64(openssl("dgst", "-sha256", "-sign", k.path, data=f"{head}.{body}".encode())),
        "zeros": f"{head}.{body}." + b64(bytes(64)), "rubbish": "a.b.c", "dots": "..", "a long one": "A" * 7500 + "." + body + "." + signature,
        "a header twice told": b64(b'{"alg":"ES256","alg":"none","kid":"es256"}') + f".{body}.{signature}",
    }
    words = {refused(w, what, token) for what, token in bad.items()}
    words.add(refused(w, "a wrong key", "sgk_" + "0" * 12 + "_" + "0" * 64))
    expect(len(words) == 1, words)
    expect(w.status(good) == 200)
    log = w.d.log()
    for why in ("it is expired", "another audience", "another issuer", "alg is none of", "its alg is not that of the key",
                "its signature does not hold", "not valid yet", "no key of the issuer"):
        expect(why in log, why, "is not in the log")
    expect(good not in log and body not in log and "alice" not in log, "a token or its bearer stands in the log")


def clocks_may_differ_a_little_and_audiences_may_be_several(w):
    now = int(time.time())
    for token in (w.ed.token(exp=now - 2), w.ed.token(nbf=now + 3, iat=now + 3), w.ed.token(aud=["x", AUDIENCE]),
                  w.ed.token({"typ": None}), w.ed.token({"typ": "JWT"}), w.ed.token({"typ": "application/at+JWT"}), w.ed.token(nbf=None, iat=None)):
        expect(w.status(token) == 200, token)


def scopes_are_those_of_the_token_but_never_more_than_configured(w):
    a = w.d.client(w.ec.token(scope="openid jobs:read")).post(BODY)
    expect(a.status == 403 and 'error="insufficient_scope", scope="jobs:create"' in a.headers["www-authenticate"], a.headers)
    expect(w.status(w.ec.token(scope=["jobs:read", 7, "x y"])) == 200)
    for scope in (None, "", "jobs:readx", "JOBS:READ", {"jobs:read": True}, ["jobs:read jobs:create"]):
        expect(w.status(w.ec.token(scope=scope)) == 403, scope)
    expect(w.status(w.ec.token(scope="admin"), "/v1/keys") == 403)  # jwt.scopes_max has no admin
    expect(w.status(w.ec.token(scope="admin audit:read"), "/v1/audit") == 403)
    expect(w.status(w.ec.token(), "/v1/models") == 200)


def odd_subjects_become_owners_that_no_key_can_have(w):
    names = ["auth0|5f7c", "a b", "x" * 65, "snpgend", "admin", "sub-0123", "Ürsula", "a\nb"]
    seen = set()
    for name in names:
        c = w.d.client(w.ec.token(sub=name))
        rows = [r for r in c.get("/v1/usage").json["days"]]
        expect(rows == [], rows)
        job = c.post(BODY).json["id"]
        c.ask("DELETE", "/v1/jobs/" + job)
        owner = {r["owner"] for r in c.get("/v1/usage").json["days"]}
        if not owner:  # cancelled before it ran
            continue
        expect(len(owner) == 1 and len(min(owner)) == 44 and min(owner).startswith("sub-"), owner)
        seen |= owner
    expect(len(seen) > 1, seen)


def a_token_acts_as_the_owner_whose_key_it_is_and_can_be_shut_out(w):
    root = w.d.client(w.d.key("root", "--scope", "admin"))
    mine, key = w.d.client(w.ed.token(sub="carol")), w.d.client(w.d.key("carol"))
    job = key.post(BODY).json["id"]
    expect(mine.get("/v1/jobs/" + job).status == 200)
    rows = [k for k in root.get("/v1/keys?owner=carol&page_size=100").json["keys"] if k["id"].startswith("jwt-")]
    expect(len(rows) == 1 and rows[0]["scopes"] == [] and rows[0]["last_used"], rows)
    expect(root.ask("POST", f"/v1/keys/{rows[0]['id']}/rotate", {}).status == 409)
    for guess in (rows[0]["id"], "sgk_" + rows[0]["id"][:12] + "_" + "0" * 64):
        expect(w.status(guess) == 401)
    expect(root.ask("DELETE", "/v1/keys/" + rows[0]["id"]).status == 204)
    expect(mine.get("/v1/jobs").status == 401 and w.status(w.rsa.token(sub="carol")) == 401)
    expect(key.get("/v1/jobs").status == 200 and w.status(w.rsa.token(sub="dave")) == 200)


def a_stream_ends_with_its_token(w):
    d = Daemon(sys.argv[1], sys.argv[2], "ends", http__heartbeat_s=1, jwt__issuer=ISSUER, jwt__audience=AUDIENCE, jwt__leeway_s=0,
               jwt__jwks_file=w.file)
    d.start()
    s = d.client(w.ed.token(exp=int(time.time()) + 3)).stream("/v1/events")
    started = time.time()
    expect(s.status == 200 and s.next() is None and 1 < time.time() - started < 6, time.time() - started)
    d.remove()


def the_metadata_names_the_issuer_and_what_tokens_can_do(w):
    a = Client(w.d.port).get("/.well-known/oauth-protected-resource")
    expect(a.status == 200 and a.json["authorization_servers"] == [ISSUER] and a.json["resource"] == AUDIENCE, a.body)
    expect(a.json["scopes_supported"] == ["jobs:create", "jobs:read", "models:read"], a.json)
    a = Client(w.d.port).get("/v1/jobs")
    expect(a.status == 401 and "error=" not in a.headers["www-authenticate"] and "resource_metadata=" in a.headers["www-authenticate"])


class Issuer:
    """Publishes keys on 127.0.0.1 and counts who asks."""

    def __init__(self):
        self.body, self.status, self.hits, self.headers = b"", 200, 0, {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.hits += 1
                self.send_response(outer.status)
                for k, v in outer.headers.items():
                    self.send_header(k, v)
                self.end_headers()
                try:
                    self.wfile.write(outer.body)
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"

    def publish(self, *keys):
        self.body = json.dumps({"keys": [k.jwk for k in keys]}).encode()


def daemon_of(issuer, name, **config):
    d = Daemon(sys.argv[1], sys.argv[2], name, jwt__issuer=ISSUER, jwt__audience=AUDIENCE, jwt__jwks_url=issuer.url, **config)
    d.start()
    return d


def a_rotated_key_is_found_at_once_and_strangers_do_not_hammer_the_issuer(w):
    issuer = Issuer()
    issuer.publish(w.ec)
    d = daemon_of(issuer, "rotation", jwt__refresh_s=2)
    expect(d.client(w.ec.token()).get("/v1/jobs").status == 200)
    expect(d.client(w.ec.token({"kid": None})).get("/v1/jobs").status == 200)  # a set of one key
    d.remove()
    d = daemon_of(issuer, "strangers", jwt__refresh_s=600)
    token = w.ec.token({"kid": "nobody"})
    before, started = issuer.hits, time.time()
    for _ in range(100):
        expect(d.client(token).get("/v1/jobs").status == 401)
    most = 1 + (time.time() - started) / 10
    expect(issuer.hits - before <= most, issuer.hits - before, most)
    issuer.publish(w.rsa, w.ed)
    time.sleep(10.1)  # the least time between two readings that somebody asked for
    answers = []
    tokens = [w.rsa.token(), w.ed.token()] * 4
    threads = [threading.Thread(target=lambda t=t: answers.append(d.client(t).get("/v1/jobs").status)) for t in tokens]
    before = issuer.hits
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    expect(answers == [200] * 8 and issuer.hits - before == 1, answers, issuer.hits - before)
    expect(d.client(w.ec.token()).get("/v1/jobs").status == 401)  # withdrawn
    d.remove()


def an_issuer_in_trouble_leaves_the_old_keys_and_its_answers_are_bounded(w):
    issuer = Issuer()
    issuer.publish(w.ec)
    d = daemon_of(issuer, "trouble", jwt__refresh_s=1)
    expect(d.client(w.ec.token()).get("/v1/jobs").status == 200)
    for status, body, headers, why in ((500, b"", {}, "the answer is 500"), (200, b"[]", {}, "no JSON Web Key Set"),
                                       (200, b'{"keys":[]}', {}, "none of the 0 keys"),
                                       (200, b'{"keys":[' + b" " * 300000 + b"]}", {}, "more than 262144 bytes"),
                                       (302, b"", {"Location": issuer.url + "/other"}, "the answer is 302")):
        size, issuer.status, issuer.body, issuer.headers = len(d.log()), status, body, headers
        end = time.time() + 10
        while why not in d.log()[size:] and time.time() < end:
            time.sleep(0.05)
        expect(why in d.log()[size:], why, d.log()[size:])
        expect(d.client(w.ec.token()).get("/v1/jobs").status == 200, why)
        issuer.status, issuer.headers = 200, {}
        issuer.publish(w.ec)
        size = len(d.log())
        while "can be read again" not in d.log()[size:] and time.time() < end + 10:
            time.sleep(0.05)
    issuer.server.shutdown()
    issuer.server.server_close()
    time.sleep(1.5)
    expect(d.client(w.ec.token()).get("/v1/jobs").status == 200)
    d.remove()


def a_configuration_that_cannot_work_says_so(w):
    model = os.path.join(w.d.folder, "keys2")
    os.mkdir(model)
    for config, why in (({"jwt__audience": ""}, "jwt.audience is empty"), ({"jwt__jwks_file": ""}, "wants one of jwt.jwks_url and jwt.jwks_file"),
                        ({"jwt__jwks_url": "https://x"}, "wants one of"), ({"jwt__jwks_file": "", "jwt__jwks_url": "ftp://x"}, "is no https URL"),
                        ({"jwt__scopes_max": "root"}, "jwt.scopes_max: \\\"root\\\" is no scope"),
                        ({"jwt__jwks_file": sys.argv[2] + "/jwks.json"}, "lies in the folder of jwt.jwks_file")):
        d = Daemon(sys.argv[1], sys.argv[2], "wrong", **{"jwt__issuer": ISSUER, "jwt__audience": AUDIENCE, "jwt__jwks_file": w.file, **config})
        with open(d.log_path, "w", encoding="utf-8") as log:
            code = subprocess.run([f"{d.bin}/snpgend", "--config", d.config], stderr=log, check=False, timeout=60).returncode
        expect(code == 1 and why in d.log(), why, d.log())
        d.remove()


def whoever_guesses_waits_longer_each_time_and_nobody_else_does(_):
    d = Daemon(sys.argv[1], sys.argv[2], "guesses", auth__failures_free=5)
    d.start()
    good = d.client(d.key("alice"))
    times = []
    for _ in range(9):
        started = time.time()
        expect(Client(d.port, "sgk_wrong").get("/v1/jobs").status == 401)
        times.append(time.time() - started)
        started = time.time()
        expect(good.get("/v1/jobs").status == 200 and time.time() - started < 0.09, time.time() - started)
    expect(max(times[:5]) < 0.09 and times[6] > 0.15 and times[7] > 0.3 and times[8] > 0.6, times)
    started = time.time()
    a = threading.Thread(target=lambda: Client(d.port, "sgk_wrong").get("/v1/jobs"))
    a.start()
    time.sleep(0.1)
    d.process.send_signal(signal.SIGTERM)  # a stop ends the wait
    a.join()
    expect(d.process.wait(20) == 0 and time.time() - started < 1.5, time.time() - started)
    d.remove()


CASES = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == "__main__"
         and f.__name__ not in ("Key", "World", "Issuer", "finish", "b64", "openssl", "refused", "daemon_of")]


def finish(w, bad):
    code = w.d.stop()
    if bad or code != 0:
        print(f"daemon exit {code}; the end of its log:\n" + w.d.log()[-1500:])
    w.d.remove()
    if code != 0:
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(run(CASES, World, finish, sys.argv[3:]))
