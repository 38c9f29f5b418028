#!/usr/bin/env python3
"""Every operation while one allocation of the HTTP process, or one write or sync of its database, fails: the answer is the right
one, a 500 or 503 that says so, or none; the daemon lives, and the same request works afterwards.
requests.py BIN_DIR FIXTURE_DIR SHIM [--every N] [CASE...]"""
import http.client
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import storage
from kill import BODY
from daemon import Client, Failed, expect, run

EVERY = 1
ALLOC_PID, N_ALLOC, ALLOC_AT, ALLOC_N, ALLOC_FAILED = 5, 6, 7, 8, 9


class World:
    def __init__(self):
        self.d, self.shim = storage.with_shim("requests", http__threads=1, jobs__people_per_day=10**9, jobs__people_per_day_per_model=10**9)
        self.c = self.d.client(self.d.key("alice"))
        self.root = self.d.client(self.d.key("root", "--scope", "admin"))
        for seed in range(20):
            self.job = self.c.post({**BODY, "seed": seed}).json["id"]
            if self.c.wait(self.job)["state"] == "released":
                break
        else:
            raise Failed("none of 20 cohorts was released")
        time.sleep(1.5)  # the checkpoint of the audit log

    def requests(self):
        """(name, the statuses that are right, what asks)"""
        c, root, job = self.c, self.root, "/v1/jobs/" + self.job
        tiny = {"model": "tiny", "cohort": {"cases": 1, "controls": 1}, "formats": ["plink"]}
        return [("job", (200,), lambda: c.get(job)), ("report", (200,), lambda: c.get(job + "/report")),
                ("page", (200,), lambda: c.get(job + "/report", Accept="text/html")),
                ("manifest", (200,), lambda: c.get(job + "/manifest")), ("file", (200,), lambda: c.get(job + "/files/cohort.bim")),
                ("list", (200,), lambda: c.get("/v1/jobs?page_size=2&state=released")), ("models", (200,), lambda: c.get("/v1/models")),
                ("model", (200,), lambda: c.get("/v1/models/tiny")), ("usage", (200,), lambda: c.get("/v1/usage")),
                ("info", (200,), lambda: c.get("/service-info")), ("openapi", (200,), lambda: c.get("/openapi.json")),
                ("audit", (200,), lambda: root.get("/v1/audit?page_size=2")), ("keys", (200,), lambda: root.get("/v1/keys")),
                ("nobody", (401,), lambda: Client(c.port, "sgk_wrong").get("/v1/jobs")),
                ("nothing", (404,), lambda: c.get("/v1/jobs/none")), ("bad", (422,), lambda: c.post({"model": "tiny"})),
                ("submit", (202,), lambda: c.post(tiny)),
                ("key", (201,), lambda: root.ask("POST", "/v1/keys", {"owner": "bob", "scopes": ["jobs:read"]}))]


def right(name, n, statuses, ask):
    """The status, or None when the connection closed."""
    try:
        a = ask()
    except (http.client.HTTPException, ConnectionError):
        return None
    expect(a.status in (*statuses, 500, 503), name, "failure", n, "gives", a.status, a.body[:300])
    return a.status


def every_answer_is_right_whichever_allocation_fails(w):
    w.shim.set(ALLOC_PID, w.d.process.pid)
    for name, statuses, ask in w.requests():
        ask()  # statements are prepared, caches are warm
        before = w.shim.get(N_ALLOC)
        expect(ask().status in statuses, name)
        whole = w.shim.get(N_ALLOC) - before
        got = {}
        for n in range(1, whole + 5, EVERY):
            w.shim.set(ALLOC_N, 1)
            w.shim.set(ALLOC_AT, w.shim.get(N_ALLOC) + n)
            status = right(name, n, statuses, ask)
            w.shim.set(ALLOC_AT, 0)
            got[status] = got.get(status, 0) + 1
            expect(w.d.process.poll() is None, "the daemon died of allocation", n, "of", name)
            a = ask()
            expect(a.status in statuses, name, "after failure", n, a.status, a.body[:300])
        print(f"     {name}: {whole} allocations, answers {got}")
    expect(w.shim.get(ALLOC_FAILED) > 100, w.shim.get(ALLOC_FAILED))
    w.shim.set(ALLOC_PID, 0)


def every_answer_is_right_whichever_write_fails(w):
    for name, statuses, ask in w.requests():
        before = w.shim.calls()
        expect(ask().status in statuses, name)
        time.sleep(0.05)
        for n in range(1, w.shim.calls() - before + 3):
            w.shim.fail(n)
            right(name, n, statuses, ask)
            w.shim.set(2, 0)
            a = ask()
            expect(a.status in statuses, name, "after failure", n, a.status, a.body[:300])
            expect(w.d.process.poll() is None, "the daemon died of write", n, "of", name)


def the_log_is_whole_after_all_that(w):
    expect("the log is whole" in w.d.admin("audit", "verify"))
    expect(w.d.stop() == 0)


CASES = [every_answer_is_right_whichever_allocation_fails, every_answer_is_right_whichever_write_fails, the_log_is_whole_after_all_that]


def finish(w, bad):
    if bad:
        print("the end of the daemon's log:\n" + w.d.log()[-2000:])
    w.d.remove()


if __name__ == "__main__":
    args = sys.argv[4:]
    if args and args[0] == "--every":
        EVERY = int(args[1])
        args = args[2:]
    sys.exit(run(CASES, World, finish, args))
