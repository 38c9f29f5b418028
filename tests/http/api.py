#!/usr/bin/env python3
"""Drives the real daemon with a real (tiny) model through every operation of api/openapi.yaml; each answer is held against the
contract.   api.py BIN_DIR FIXTURE_DIR [CASE...]"""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time

from daemon import Client, Daemon, expect, run

BODY = {"model": "tiny", "cohort": {"cases": 20, "controls": 20}, "seed": 7}


class World:
    def __init__(self):
        self.d = Daemon(sys.argv[1], sys.argv[2], "api", jobs__queue_max=6, jobs__per_key_max=5, http__body_max=4096)
        self.key = self.d.key("alice")
        self.d.start()
        self.alice = self.d.client(self.key)
        self.bob = self.d.client(self.d.key("bob"))
        self.root = self.d.client(self.d.key("root", "--scope", "admin"))
        self.reader = self.d.client(self.d.key("rita", "--scope", "jobs:read"))
        self.auditor = self.d.client(self.d.key("audrey", "--scope", "audit:read"))
        self.anyone = self.d.client()
        self.done = None

    def released(self):
        if not self.done:
            job = self.alice.post({**BODY, "formats": ["plink", "npy"], "name": "kept"}).json["id"]
            self.done = self.alice.wait(job)
            expect(self.done["state"] == "released", self.done)
        return self.done


def the_probes_need_no_key(w):
    expect(w.anyone.get("/livez").json == {"status": "ok"})
    expect(w.anyone.get("/readyz").json == {"status": "ready"})
    expect(w.anyone.get("/openapi.json").json["openapi"] == "3.1.0")
    expect(w.anyone.ask("HEAD", "/livez").status == 200)


def a_key_is_needed_and_every_wrong_one_is_answered_alike(w):
    keys = ["", "x", "sgk_", w.key[:-1] + ("0" if w.key[-1] != "0" else "1"), w.key + "0", "sgk_000000000000_" + "0" * 64]
    seen = set()
    for key in keys:
        a = w.anyone.get("/v1/jobs", Authorization="Bearer " + key)
        expect(a.status == 401, key, a.status)
        j = a.json
        seen.add((j["detail"], j["title"]))
    expect(len(seen) == 1, seen)
    expect(w.anyone.get("/v1/jobs").headers["www-authenticate"] == 'Bearer realm="snpgen"')
    expect(w.anyone.get("/v1/jobs", Authorization="Basic eDp5").status == 401)
    expect('error="invalid_token"' in w.anyone.get("/v1/jobs", Authorization="Bearer x").headers["www-authenticate"])


def scopes_are_kept_apart(w):
    expect(w.reader.post(BODY).status == 403)
    expect(w.reader.get("/v1/models").status == 403)
    expect(w.reader.get("/v1/audit").status == 403)
    expect(w.reader.get("/v1/jobs").status == 200)
    expect(w.auditor.get("/v1/jobs").status == 403)
    for path in ("/v1/jobs/x", "/v1/jobs/x/report", "/v1/jobs/x/files/y", "/v1/models/tiny", "/v1/models/tiny/panel"):
        expect(w.auditor.get(path).status == 403, path)
    expect(w.auditor.ask("DELETE", "/v1/jobs/x").status == 403)
    expect('scope="jobs:create"' in w.reader.post(BODY).headers["www-authenticate"])


def a_revoked_key_is_out_at_once_and_an_expired_one_too(w):
    key = w.d.key("gone", "--expires", "2d")
    c = w.d.client(key)
    expect(c.get("/v1/jobs").status == 200)
    w.d.admin("key", "revoke", key.split("_")[1])
    expect(c.get("/v1/jobs").status == 401)
    expect("lies in the past" in w.d.admin("key", "create", "--owner", "x", "--expires", "2001-01-01", ok=False))
    expect("no key has the id" in w.d.admin("key", "revoke", "nobody", ok=False))
    listing = w.d.admin("key", "list")
    expect("gone" in listing and "revoked" in listing and key.split("_")[2] not in listing)


def models_show_their_card_and_panel_without_frequencies(w):
    a = w.alice.get("/v1/models")
    card = a.json["models"][0]
    expect(card["id"] == "tiny" and card["snps"] == 64 and card["labels"] == ["control", "case"], card)
    expect(w.alice.get("/v1/models", If_None_Match=a.headers["etag"]).status == 304)
    one = w.alice.get("/v1/models/tiny")
    expect(one.json == card)
    expect(w.alice.get("/v1/models/tiny", If_None_Match=one.headers["etag"]).status == 304)
    panel = w.alice.get("/v1/models/tiny/panel").json
    expect(panel["n_snp"] == 64 and len(panel["snps"]) == 64)
    expect("freq" not in json.dumps(panel) and "beta" not in json.dumps(panel))
    expect(w.alice.get("/v1/models/nope").status == 404)
    expect(w.alice.get("/v1/models/nope/panel").status == 404)


def a_cohort_comes_from_request_to_files_that_plink_reads(w):
    a = w.alice.post({**BODY, "formats": ["plink", "npy"]})
    expect(a.status == 202 and a.headers["location"] == "/v1/jobs/" + a.json["id"], a.status, a.body)
    expect(a.json["state"] == "queued" and a.json["files"] == [])
    job = w.alice.wait(a.json["id"])
    expect(job["state"] == "released", job)
    names = [f["name"] for f in job["files"]]
    expect(names == ["README.txt", "cohort.bed", "cohort.bim", "cohort.fam", "cohort.npy", "cohort.pheno", "labels.npy",
                     "manifest.json", "report.html", "report.json", "ro-crate-metadata.json"], names)
    folder = os.path.join(w.d.folder, "got")
    os.makedirs(folder)
    for f in job["files"]:
        a = w.alice.get(f"/v1/jobs/{job['id']}/files/{f['name']}")
        digest = hashlib.sha256(a.body)
        expect(a.status == 200 and len(a.body) == f["size"] and digest.hexdigest() == f["sha256"], f)
        expect(a.headers["etag"] == f'"{f["sha256"]}"')
        expect(a.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:")
        with open(os.path.join(folder, f["name"]), "wb") as out:
            out.write(a.body)
    fam = open(os.path.join(folder, "cohort.fam"), encoding="utf-8").read().split("\n")[:-1]
    expect(len(fam) == 40 and all(line.startswith("SYN") for line in fam))
    expect(sum(line.split()[5] == "2" for line in fam) == 20)
    manifest_verifies(w, job, folder)
    r = subprocess.run(["plink2", "--bfile", folder + "/cohort", "--freq", "--out", folder + "/p"], capture_output=True,
                       text=True, check=False)
    expect(r.returncode == 0 and "20 cases, 20 controls" in r.stdout, r.stdout, r.stderr)
    # cohort.npy counts A1 like the .bed does
    npy = open(os.path.join(folder, "cohort.npy"), "rb").read()[-40 * 64:]
    bed = open(os.path.join(folder, "cohort.bed"), "rb").read()[3:]
    code = {0: 2, 1: 3, 2: 1, 3: 0}
    for s in range(40):
        for v in range(64):
            expect(npy[s * 64 + v] == code[bed[v * 10 + s // 4] >> 2 * (s % 4) & 3], "person", s, "SNP", v)


def every_format_is_released_and_opened_by_its_tools(w):
    a = w.alice.post({**BODY, "formats": ["vcf", "bcf", "pgen", "plink"]})
    job = w.alice.wait(a.json["id"])
    expect(job["state"] == "released" and job["formats"] == ["plink", "vcf", "bcf", "pgen"], job)
    folder = os.path.join(w.d.folder, "formats")
    os.makedirs(folder)
    for f in sorted(job["files"], key=lambda f: f["name"]):  # an index comes after its file
        with open(os.path.join(folder, f["name"]), "wb") as out:
            out.write(w.alice.get(f"/v1/jobs/{job['id']}/files/{f['name']}").body)
    expect({"cohort.vcf.gz", "cohort.vcf.gz.tbi", "cohort.bcf", "cohort.bcf.csi", "cohort.pgen", "cohort.pvar",
            "cohort.psam"} <= set(os.listdir(folder)), os.listdir(folder))
    expect(not any("tmp-" in name or "genotypes" in name for name in os.listdir(folder)))
    bed = open(os.path.join(folder, "cohort.bed"), "rb").read()
    for flag in (["--vcf", "cohort.vcf.gz", "--double-id"], ["--bcf", "cohort.bcf", "--double-id"], ["--pfile", "cohort"]):
        r = subprocess.run(["plink2", *flag, "--make-bed", "--out", "again"], capture_output=True, text=True, check=False,
                           cwd=folder)
        said = r.stdout + r.stderr
        expect(r.returncode == 0 and "Warning" not in said and "Error" not in said, said)
        expect(open(os.path.join(folder, "again.bed"), "rb").read() == bed, flag)
    for name in ("cohort.vcf.gz", "cohort.bcf"):
        r = subprocess.run(["bcftools", "view", "-h", name], capture_output=True, text=True, check=True, cwd=folder)
        expect("##synthetic=These people do not exist" in r.stdout and "##seed=" in r.stdout and not r.stderr, r.stderr)
    expect("cohort.vcf.gz.tbi" in open(os.path.join(folder, "README.txt"), encoding="utf-8").read())


def manifest_verifies(w, job, folder):
    envelope = json.load(open(os.path.join(folder, "manifest.json"), encoding="utf-8"))
    expect(w.alice.get(f"/v1/jobs/{job['id']}/manifest").json == envelope)
    expect(w.alice.get(f"/v1/jobs/{job['id']}/manifest", Range="bytes=0-9").status == 206)
    payload = base64.b64decode(envelope["payload"])
    statement = json.loads(payload)
    listed = {f["name"]: f["digest"]["sha256"] for f in statement["subject"]}
    expect(listed == {f["name"]: f["sha256"] for f in job["files"] if f["name"] != "manifest.json"})
    said = statement["predicate"]
    expect(said["seed"] == 7 and said["synthetic"] is True and said["job"] == job["id"], said)
    crate = json.load(open(os.path.join(folder, "ro-crate-metadata.json"), encoding="utf-8"))
    expect({"@id": "cohort.bed"} in next(x for x in crate["@graph"] if x["@id"] == "./")["hasPart"])
    # stock openssl, with nothing but the public key
    key = w.anyone.get("/v1/audit/key")
    expect(key.status == 200 and b"BEGIN PUBLIC KEY" in key.body, key.body)
    pub, pae, sig = (os.path.join(w.d.folder, x) for x in ("signing.pub", "pae", "sig"))
    kind = envelope["payloadType"].encode()
    for path, data in ((pub, key.body), (sig, base64.b64decode(envelope["signatures"][0]["sig"])),
                       (pae, b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))):
        with open(path, "wb") as out:
            out.write(data)
    r = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", pub, "-rawin", "-in", pae, "-sigfile", sig],
                       capture_output=True, text=True, check=False)
    expect(r.returncode == 0, r.stdout, r.stderr)
    # and snpgen verify, which notices one changed bit
    r = w.d.snpgen("verify", folder, "--key", pub, "--json")
    expect(r.returncode == 0 and json.loads(r.stdout)["release"]["job"] == job["id"], r.stdout, r.stderr)
    bed = os.path.join(folder, "cohort.bed")
    data = bytearray(open(bed, "rb").read())
    data[10] ^= 1
    with open(bed, "wb") as out:
        out.write(data)
    r = w.d.snpgen("verify", folder, "--key", pub)
    expect(r.returncode == 1 and "cohort.bed is not the file that was released" in r.stderr, r.stderr)
    data[10] ^= 1
    with open(bed, "wb") as out:
        out.write(data)


def the_same_seed_gives_the_same_people_and_another_does_not(w):
    first = {f["name"]: f["sha256"] for f in w.released()["files"]}
    again = w.alice.wait(w.alice.post({**BODY, "formats": ["npy"]}).json["id"])
    other = w.alice.wait(w.alice.post({**BODY, "formats": ["npy"], "seed": 8}).json["id"])
    again, other = ({f["name"]: f["sha256"] for f in j["files"]} for j in (again, other))
    expect(again["cohort.npy"] == first["cohort.npy"] and again["labels.npy"] == first["labels.npy"])
    expect(other["cohort.npy"] != first["cohort.npy"] and "cohort.bed" not in other)


def sizes_by_fraction_and_drawn_seeds_work(w):
    job = w.alice.post({"model": "tiny", "size": 30, "case_fraction": 0.1, "sampler": {"steps": 3, "decode": "argmax",
                        "name": "euler", "guidance": 1.5}}).json
    expect(job["cohort"] == {"cases": 3, "controls": 27} and 0 <= job["seed"] < 2**53, job)
    job = w.alice.wait(job["id"])
    expect(job["state"] in ("released", "withheld"), job)
    m = w.alice.get(f"/v1/jobs/{job['id']}/files/manifest.json")
    expect(m.status == (200 if job["state"] == "released" else 404))


def a_report_tells_the_outcome_and_no_number(w):
    job = w.released()
    r = w.alice.get(f"/v1/jobs/{job['id']}/report")
    expect(r.json["outcome"] == "released" and r.json["reason"] is None, r.json)
    expect(w.alice.get(f"/v1/jobs/{job['id']}/report", If_None_Match=r.headers["etag"]).status == 304)
    expect("auc" not in r.body.decode().lower())
    path = f"/v1/jobs/{job['id']}/report"
    page = w.alice.get(path, Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    expect(page.headers["content-type"] == "text/html; charset=utf-8" and page.headers["vary"] == "Accept", page.headers)
    told = page.body.decode()
    expect("What was not tested" in told and "<svg" not in told and "interval" not in told and "nearest" not in told, told[:500])
    expect("<script" not in told and "src=" not in told and "http:" not in told)
    expect(w.alice.get(path, Accept="text/html", If_None_Match=page.headers["etag"]).status == 304)
    expect(w.alice.get(path, Accept="text/html", If_None_Match=r.headers["etag"]).status == 200)  # another representation
    for accept, kind in (("text/html;q=0.5, application/json;q=0.4", "text/html"), ("text/html;q=0.3, application/json;q=0.4", "application/json"),
                         ("*/*", "application/json"), ("text/*", "text/html"), ("text/html;q=0, */*", "application/json")):
        expect(w.alice.get(path, Accept=accept).headers["content-type"].startswith(kind), accept)
    expect(w.alice.get(path, Accept="image/png").status == 406)
    kept = w.alice.get(f"/v1/jobs/{job['id']}/files/report.html")
    expect(kept.body == page.body and kept.headers["content-type"] == "text/html; charset=utf-8", "the page in the release is another one")
    # who may decide gets the numbers; of their own job they get none
    expect(len(w.root.get(path).json["verdict"]["measurement"]["checks"]) > 5)
    told = w.root.get(path, Accept="text/html").body.decode()
    expect("<svg" in told and "nearest.dcr" in told, told[:500])
    chair = w.d.client(w.d.key("alice", "--scope", "admin"))
    expect("verdict" not in chair.get(path).json and b"<svg" not in chair.get(path, Accept="text/html").body)
    expect(w.bob.get(path, Accept="text/html").status == 404)
    read = [x for x in map(json.loads, w.d.admin("audit", "export").splitlines()) if x["action"] == "report.read"]
    expect([(x["actor"], x["subject"]) for x in read] == [("root", job["id"])] * 2, read)


def polling_is_cheap_when_nothing_changed(w):
    path = "/v1/jobs/" + w.released()["id"]
    a = w.alice.get(path)
    b = w.alice.get(path, If_None_Match=a.headers["etag"])
    expect(b.status == 304 and b.headers["etag"] == a.headers["etag"])
    expect(w.alice.get(path, If_None_Match='"other"').status == 200)


def ranges_follow_the_rfc_and_a_resumed_download_is_whole(w):
    job = w.released()
    f = next(f for f in job["files"] if f["name"] == "cohort.npy")
    path = f"/v1/jobs/{job['id']}/files/cohort.npy"
    whole = w.alice.get(path).body
    for spec, first, last in (("0-0", 0, 0), ("10-19", 10, 19), ("100-", 100, len(whole) - 1), ("-7", len(whole) - 7, len(whole) - 1),
                              ("5-999999", 5, len(whole) - 1)):
        a = w.alice.get(path, Range="bytes=" + spec)
        expect(a.status == 206 and a.body == whole[first:last + 1], spec, a.status)
        expect(a.headers["content-range"] == f"bytes {first}-{last}/{len(whole)}", spec)
    a = w.alice.get(path, Range=f"bytes={len(whole)}-")
    expect(a.status == 416 and a.headers["content-range"] == f"bytes */{len(whole)}")
    tag = f'"{f["sha256"]}"'
    expect(w.alice.get(path, Range="bytes=0-1", If_Range=tag).status == 206)
    expect(w.alice.get(path, Range="bytes=0-1", If_Range='"old"').status == 200)
    expect(w.alice.get(path, Range="bytes=0-1,4-5").status == 200)
    expect(w.alice.get(path, If_None_Match=tag).status == 304)
    head = w.alice.ask("HEAD", path)
    expect(head.status == 200 and int(head.headers["content-length"]) == len(whole))
    part = os.path.join(w.d.folder, "part")
    with open(part, "wb") as out:
        out.write(whole[:1000])
    subprocess.run(["curl", "-sf", "-C", "-", "-o", part, "-H", "Authorization: Bearer " + w.key,
                    f"http://127.0.0.1:{w.d.port}{path}"], check=True)
    expect(open(part, "rb").read() == whole)


def what_is_anothers_is_not_there(w):
    job = w.released()["id"]
    for c in (w.bob, w.reader):
        for path in (f"/v1/jobs/{job}", f"/v1/jobs/{job}/report", f"/v1/jobs/{job}/files/cohort.bed", f"/v1/jobs/{job}/manifest",
                     f"/v1/jobs/{job}/events"):
            a, nobody = c.get(path), c.get(path.replace(job, "01900000-0000-7000-8000-000000000000"))
            expect(a.status == 404 and a.json["detail"] == nobody.json["detail"], path)
    expect(w.bob.ask("DELETE", f"/v1/jobs/{job}").status == 404)
    expect(w.bob.get("/v1/jobs").json["jobs"] == [])
    expect(w.root.get(f"/v1/jobs/{job}").status == 200)
    expect(w.root.get(f"/v1/jobs/{job}/files/cohort.bed").status == 404)  # the genotypes are the owner's alone
    expect(w.alice.get(f"/v1/jobs/{job}").status == 200)


def lists_are_paged_and_filtered(w):
    w.released()
    all_jobs, token, pages = [], None, 0
    while True:
        page = w.alice.get("/v1/jobs?page_size=2" + (f"&page_token={token}" if token else "")).json
        all_jobs += [j["id"] for j in page["jobs"]]
        token, pages = page["next_page_token"], pages + 1
        if not token:
            break
    expect(len(all_jobs) == len(set(all_jobs)) and pages == (len(all_jobs) + 1) // 2, all_jobs)
    expect(all_jobs == [j["id"] for j in w.alice.get("/v1/jobs?page_size=100").json["jobs"]])
    expect(all(j["state"] == "released" for j in w.alice.get("/v1/jobs?state=released").json["jobs"]))
    expect(w.alice.get("/v1/jobs?model=other").json["jobs"] == [])
    for query in ("page_size=0", "page_size=101", "page_size=x", "page_token=7", "page_token=p", "state=lost", "owner=bob", "extra=1",
                  "created_from=now", "created_to=2027-01-31T12:00:00"):
        a = w.alice.get("/v1/jobs?" + query)
        expect(a.status == 400 and a.json["errors"][0]["parameter"] == query.split("=")[0], query, a.body)


def every_mistake_of_a_request_is_told_at_once(w):
    a = w.alice.post({"model": "nope", "cohort": {"cases": -1, "controls": 10**9}, "extra": 1, "callback_url": "http://x"})
    expect(a.status == 422)
    errors = {e["pointer"]: e["detail"] for e in a.json["errors"]}
    expect(set(errors) == {"/model", "/cohort/cases", "/cohort/controls", "/extra", "/callback_url"}, errors)
    expect(errors["/model"] == "there is no such model" and "webhooks.hosts" in errors["/callback_url"])
    for cohort in ({"cases": 0, "controls": 0}, {"cases": 100000, "controls": 1}, {"cases": 1}, 5):
        expect(w.alice.post({"model": "tiny", "cohort": cohort}).status == 422, cohort)


def what_is_no_json_names_line_and_column(w):
    json_type = {"Content-Type": "application/json"}
    a = w.alice.ask("POST", "/v1/jobs", '{"model":\n oops}', json_type)
    expect(a.status == 400 and "line 2, column" in a.json["detail"], a.body)
    for body in ("", "[]", "null", '{"a":1,"a":2}', "[" * 100, '{"seed":1e999}', "\xff", '{"model":"\\u0000"}'):
        expect(w.alice.ask("POST", "/v1/jobs", body.encode("latin-1"), json_type).status == 400, body)
    expect(w.alice.ask("POST", "/v1/jobs", json.dumps(BODY), {"Content-Type": "text/plain"}).status == 415)
    expect(w.alice.ask("POST", "/v1/jobs", json.dumps(BODY), {"Content-Type": ""}).status == 415)
    expect(w.alice.post(BODY, Accept="text/html").status == 406)
    expect(w.alice.get("/v1/jobs", Accept="text/html").status == 406)


def sizes_of_requests_are_bounded(w):
    json_type = {"Content-Type": "application/json"}
    expect(w.alice.ask("POST", "/v1/jobs", " " * 4097, json_type).status == 413)
    expect(w.alice.get("/v1/jobs?page_token=" + "p" * 3000).status == 414)
    expect(w.alice.get("/v1/jobs", X_Long="x" * 17000).status == 431)
    expect(w.alice.get("/v1/jobs?" + "&".join(f"a{i}=1" for i in range(20))).status == 400)


def methods_and_paths_outside_the_table_are_refused(w):
    a = w.alice.ask("PUT", "/v1/jobs")
    expect(a.status == 405 and a.headers["allow"] == "GET, HEAD, POST, OPTIONS", a.headers)
    expect(w.alice.ask("POST", "/v1/models", {}).status == 405)
    a = w.alice.ask("OPTIONS", "/v1/jobs/x")
    expect(a.status == 204 and a.headers["allow"] == "GET, HEAD, DELETE, OPTIONS" and not a.body, a.headers)
    expect(w.alice.ask("BREW", "/livez").status == 405)
    for path in ("/", "/v1", "/v1/jobs/", "/v2/jobs", "/v1/jobs/a/b", "/V1/jobs"):
        expect(w.alice.get(path).status == 404, path)
    a = w.alice.ask("GET", "/livez", "body", checked=False)
    expect(a.status == 400 and "takes no body" in a.json["detail"])


def an_idempotency_key_makes_repeating_safe_also_across_a_restart(w):
    a = w.alice.post(BODY, Idempotency_Key="k-1")
    b = w.alice.post(BODY, Idempotency_Key="k-1")
    expect(a.status == b.status == 202 and a.json["id"] == b.json["id"])
    expect(w.alice.post({**BODY, "seed": 9}, Idempotency_Key="k-1").status == 422)
    expect(w.alice.post(BODY, Idempotency_Key="k 1").status == 400)
    expect(w.alice.post(BODY, Idempotency_Key="k" * 256).status == 400)
    expect(w.bob.post(BODY, Idempotency_Key="k-1").json["id"] != a.json["id"])
    ids, threads = [], []
    for _ in range(8):
        t = threading.Thread(target=lambda: ids.append(w.alice.post(BODY, Idempotency_Key="k-2").json["id"]))
        t.start()
        threads.append(t)
    for t in threads:
        t.join()
    expect(len(ids) == 8 and len(set(ids)) == 1, ids)
    w.d.stop()
    w.d.start()
    for c in (w.alice, w.bob, w.root, w.reader, w.auditor, w.anyone):
        c.port = w.d.port
    expect(w.alice.post(BODY, Idempotency_Key="k-1").json["id"] == a.json["id"])
    for j in w.root.get("/v1/jobs?page_size=100").json["jobs"]:
        w.root.wait(j["id"])


BIG = {"model": "tiny", "cohort": {"cases": 20000, "controls": 20000}}


def a_full_queue_and_a_greedy_key_are_told_to_come_back(w):
    long = w.alice.post(BIG).json["id"]
    w.alice.wait(long, until=("running",))
    ids = [long]
    for _ in range(4):
        ids.append(w.alice.post(BODY).json["id"])
    a = w.alice.post(BODY)
    expect(a.status == 429 and "this key has 5 jobs" in a.json["detail"] and int(a.headers["retry-after"]) > 0, a.body)
    mine = [w.bob.post(BODY).json["id"] for _ in range(2)]
    a = w.bob.post(BODY)
    expect(a.status == 429 and "the queue is full" in a.json["detail"], a.body)
    positions = [w.root.get("/v1/jobs/" + i).json["queue_position"] for i in mine + ids[1:]]
    expect(positions == [1, 2, 3, 4, 5, 6], positions)  # alice's 40,000 people run: it is bob's turn, though he came later
    running = w.alice.get("/v1/jobs/" + long).json
    expect(running["stage"] == "sampling" and running["progress"]["total"] == 40000, running)
    for i in mine:
        a = w.bob.ask("DELETE", "/v1/jobs/" + i)
        expect(a.status == 200 and a.json["state"] == "cancelled", a.body)
    started = time.time()
    a = w.alice.ask("DELETE", "/v1/jobs/" + long)
    expect(a.status == 202 and a.json["cancelling"] is True, a.body)
    expect(w.alice.wait(long)["state"] == "cancelled")
    took = time.time() - started
    print(f"     a running job stops {took:.2f} s after DELETE")
    expect(took < 10, took)
    expect(w.alice.ask("DELETE", "/v1/jobs/" + long).status == 200)  # again: fine
    for i in ids[1:]:
        expect(w.alice.wait(i)["state"] == "released")


def a_released_cohort_can_be_deleted_and_is_gone(w):
    job = w.alice.wait(w.alice.post(BODY).json["id"])["id"]
    expect(os.path.exists(f"{w.d.data}/releases/{job}/cohort.bed"))
    a = w.alice.ask("DELETE", "/v1/jobs/" + job)
    expect(a.status == 200 and a.json["state"] == "expired" and a.json["files"] == [], a.body)
    expect(not os.path.exists(f"{w.d.data}/releases/{job}"))
    expect(w.alice.get(f"/v1/jobs/{job}/files/cohort.bed").status == 404)


def a_cohort_that_fails_a_check_is_withheld_and_leaves_nothing(_):
    d = Daemon(sys.argv[1], sys.argv[2], "withheld")
    policy = os.path.join(d.folder, "policy.toml")
    with open(policy, "w", encoding="utf-8") as f:
        f.write("[reference]\ntrain_min = 100000\n[model]\nqualified = false\n")  # nobody has that many: nothing can be said, so nothing is released
    text = open(d.config, encoding="utf-8").read()
    with open(d.config, "w", encoding="utf-8") as f:
        f.write(re.sub("policy = .*", f'policy = "{policy}"', text))
    c = Client(d.start(), d.key("alice"))
    job = c.wait(c.post(BODY).json["id"])
    expect(job["state"] == "withheld" and job["reason"] and job["files"] == [], job)
    expect(c.get(f"/v1/jobs/{job['id']}/files/cohort.bed").status == 404)
    report = c.get(f"/v1/jobs/{job['id']}/report").json
    expect(report["outcome"] == "withheld" and report["reason"] == job["reason"])
    expect(c.ask("DELETE", "/v1/jobs/" + job["id"]).status == 409)
    expect(os.listdir(d.data + "/releases") == [] and os.listdir(d.data + "/quarantine") == [])
    expect("job.withhold" in d.admin("audit", "export"))
    d.remove()


def the_running_daemon_cannot_follow_a_link_out_of_its_folder(_):
    """Its Landlock domain, proved from outside: the same bytes at the end of a link are served only to an unconfined process."""
    d = Daemon(sys.argv[1], sys.argv[2], "link")
    c = Client(d.start(), d.key("alice"))
    job = c.wait(c.post(BODY).json["id"])["id"]
    expect(c.get(f"/v1/jobs/{job}/files/cohort.bed").status == 200)
    os.rename(f"{d.data}/releases/{job}", d.folder + "/outside")
    os.symlink(d.folder + "/outside", f"{d.data}/releases/{job}")
    a = c.get(f"/v1/jobs/{job}/files/cohort.bed")
    if "no Landlock" in d.log():
        print("     SKIP: this kernel offers no Landlock")
    else:
        expect(a.status == 503 and "Permission denied" in d.log(), a.status)
    with open(f"/proc/{d.workers()[0]}/status", encoding="utf-8") as f:
        status = f.read()
    expect("NoNewPrivs:\t1" in status and "Seccomp:\t2" in status, status)
    d.remove()


def the_audit_log_tells_it_all_and_verifies(w):
    w.alice.get(f"/v1/jobs/{w.released()['id']}/files/cohort.bed")
    rows, token = [], None
    while True:
        page = w.auditor.get("/v1/audit?page_size=100" + (f"&page_token={token}" if token else "")).json
        rows += page["rows"]
        token = page["next_page_token"]
        if not token:
            break
    expect([r["seq"] for r in rows] == list(range(1, len(rows) + 1)))
    actions = {r["action"] for r in rows}
    expect({"service.start", "service.stop", "key.create", "key.revoke", "job.create", "job.release", "job.cancel", "job.delete",
            "file.download"} <= actions, actions)
    expect("the log is whole" in w.d.admin("audit", "verify"))
    expect({r["origin"] for r in rows if r["action"] == "job.create"} == {"127.0.0.1"})
    exported = [json.loads(line) for line in w.d.admin("audit", "export").splitlines()]
    expect(exported[:len(rows)] == rows)
    expect(w.key.split("_")[2] not in json.dumps(rows))


def hash2(a, b):
    return hashlib.sha256(b"\x01" + a + b).digest()


def root_from(leaf, index, size, proof):
    """RFC 9162 section 2.1.3.2, once more and from the text."""
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = hash2(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hash2(r, p)
        fn, sn = fn >> 1, sn >> 1
    return r if sn == 0 else None


def the_audit_log_proves_its_entries_and_its_past(w):
    old = w.auditor.get("/v1/audit/checkpoint")
    expect(old.status == 200 and old.headers["content-type"].startswith("text/plain"))
    origin, size, root = old.body.decode().split("\n")[:3]
    size = int(size)
    expect(origin == "localhost/snpgen" and size > 5)
    w.alice.get(f"/v1/jobs/{w.released()['id']}/files/cohort.bed")
    p = w.auditor.get(f"/v1/audit/proof?entry=3&size={size}").json
    row = next(r for r in w.auditor.get("/v1/audit").json["rows"] if r["seq"] == 3)
    expect(p["leaf"] == row["hash"] and base64.b64decode(root).hex() == p["root"], p)
    expect(root_from(bytes.fromhex(p["leaf"]), 2, size, [bytes.fromhex(x) for x in p["proof"]]).hex() == p["root"])
    p = w.auditor.get(f"/v1/audit/proof?from={size}").json
    expect(p["size"] > size and p["from_root"] == base64.b64decode(root).hex(), p)
    expect(w.auditor.get("/v1/audit/proof").status == 400)
    expect(w.auditor.get("/v1/audit/proof?entry=x").status == 400)
    expect(w.auditor.get(f"/v1/audit/proof?entry={size + 10000}").status == 404)
    expect(w.alice.get("/v1/audit/checkpoint").status == 403 and w.alice.get("/v1/audit/proof?entry=1").status == 403)
    kept = os.path.join(w.d.folder, "kept.checkpoint")
    with open(kept, "wb") as out:
        out.write(old.body)
    expect("the log is whole" in w.d.admin("audit", "verify", "--checkpoint", kept))
    expect(w.d.admin("audit", "checkpoint").startswith("localhost/snpgen\n"))
    expect(w.d.admin("audit", "erase", "--owner", "bob").startswith("erased in "))
    rows = [json.loads(line) for line in w.d.admin("audit", "export").splitlines()]
    expect(any(r["erased"] for r in rows) and not any(r["actor"] == "bob" for r in rows))
    expect("the log is whole" in w.d.admin("audit", "verify", "--checkpoint", kept))


def no_key_and_no_person_is_in_the_log(w):
    log = w.d.log()
    expect(w.key.split("_")[2] not in log and "SYN0" not in log)
    for line in log.splitlines():
        json.loads(line)


def a_second_daemon_on_the_same_folder_refuses(w):
    r = subprocess.run([sys.argv[1] + "/snpgend", "--config", w.d.config], capture_output=True, text=True, timeout=30, check=False)
    expect(r.returncode == 1 and "another snpgend uses this data folder" in r.stderr, r.stderr)
    expect(w.alice.get("/livez").status == 200)


def a_broken_model_is_named_in_the_log_and_the_others_serve_on(_):
    d = Daemon(sys.argv[1], sys.argv[2], "broken")
    with open(d.config, "a", encoding="utf-8") as f:
        f.write(f'[[model]]\nid = "second"\npath = "{d.folder}/nothing"\n')
    c = Client(d.start(), d.key("alice"))
    expect([m["id"] for m in c.get("/v1/models").json["models"]] == ["tiny"])
    expect("model second: " in d.log())
    d.remove()


def a_wrong_key_file_opens_nothing_and_says_so(_):
    d = Daemon(sys.argv[1], sys.argv[2], "key")
    wrong = os.path.join(d.folder, "wrong.key")
    with open(wrong, "w", encoding="utf-8") as f:
        f.write("00" * 32 + "\n")
    os.chmod(wrong, 0o600)
    text = open(d.config, encoding="utf-8").read()
    with open(d.config, "w", encoding="utf-8") as f:
        f.write(text.replace(sys.argv[2] + "/reference.key", wrong))
    c = Client(d.start(), d.key("alice"))
    expect(c.get("/v1/models").json["models"] == [])
    expect(c.post(BODY).status == 422)
    expect("the key does not fit or the bytes were altered" in d.log(), d.log())
    d.remove()


def the_daemon_refuses_models_inside_its_data_folder(_):
    d = Daemon(sys.argv[1], None, "inside")
    os.makedirs(d.data + "/m")
    with open(d.config, "a", encoding="utf-8") as f:
        f.write(f'[[model]]\npath = "{d.data}/m"\n')
    r = subprocess.run([sys.argv[1] + "/snpgend", "--config", d.config], capture_output=True, text=True, timeout=30, check=False)
    expect(r.returncode == 1 and "where the HTTP process could read it" in r.stderr, r.stderr)
    d.remove()


CASES = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == "__main__"
         and f.__name__ not in ("World", "manifest_verifies", "hash2", "root_from")]


def finish(w, bad):
    code = w.d.stop()
    if bad or code != 0:
        print(f"daemon exit {code}; the end of its log:\n" + w.d.log()[-3000:])
    w.d.remove()
    if code != 0:
        sys.exit(1)


if __name__ == "__main__":
    CASES.remove(finish) if finish in CASES else None
    sys.exit(run(CASES, World, finish, sys.argv[3:]))
