"""Several worker processes: small jobs beside large ones, one model's cohorts judged one after the other, a worker that dies.

  lanes.py BIN_DIR FIXTURE [case...]"""
import os
import re
import signal
import sys
import time

from daemon import Daemon, run
from schema import expect

BODY = {"model": "tiny", "cohort": {"cases": 20, "controls": 20}, "seed": 1}
LARGE = {"model": "tiny", "cohort": {"cases": 20000, "controls": 20000}, "seed": 2}
ENDED = ("released", "withheld", "failed", "cancelled", "expired")


class World:
    def __init__(self):
        self.d = Daemon(sys.argv[1], sys.argv[2], "lanes", worker__processes=2, worker__small_people=100, jobs__per_key_max=64)
        self.d.start()
        self.alice = self.d.client(self.d.key("alice"))
        self.root = self.d.client(self.d.key("root", "--scope", "admin"))


def wait_for_workers(d, n):
    end = time.time() + 60
    while len(d.workers()) != n:
        expect(time.time() < end, "workers:", d.workers())
        time.sleep(0.02)


def finish(w, bad):
    code = w.d.stop()
    if bad or code != 0:
        print(f"daemon exit {code}; the end of its log:\n" + w.d.log()[-1500:])
    w.d.remove()
    if code != 0:
        sys.exit(1)


def a_small_job_does_not_wait_for_a_large_one_that_runs(w):
    wait_for_workers(w.d, 2)
    large, next_large = (w.alice.post(LARGE).json["id"] for _ in range(2))
    w.alice.wait(large, until=("running",))
    s = w.alice.stream("/v1/events")
    small = [w.alice.post({**BODY, "seed": n}).json["id"] for n in range(3)]
    for job in small:
        expect(w.alice.wait(job)["state"] in ("released", "withheld"))
    expect(w.alice.get("/v1/jobs/" + large).json["state"] == "running", "the large one ended before: nothing was shown")
    expect(w.alice.get("/v1/jobs/" + next_large).json["state"] == "queued", "the lane of small jobs took a large one")
    told = set()
    while large not in told:  # progress of a lane reaches the stream whatever the other does
        e = s.next()
        if e["event"] == "progress":
            told.add(e["data"]["job"])
    s.close()
    for job in (large, next_large):
        expect(w.alice.ask("DELETE", "/v1/jobs/" + job).status in (200, 202))
        expect(w.alice.wait(job)["state"] == "cancelled")


def a_reload_takes_each_process_between_two_of_its_jobs(w):
    large = w.alice.post(LARGE).json["id"]
    w.alice.wait(large, until=("running",))
    before = set(w.d.workers())
    w.d.process.send_signal(signal.SIGHUP)
    end = time.time() + 60
    while len(before & set(w.d.workers())) != 1:
        expect(time.time() < end, "nothing is opened anew")
        time.sleep(0.02)
    expect(w.alice.wait(w.alice.post(BODY).json["id"])["state"] in ("released", "withheld"))
    expect(w.alice.get("/v1/jobs/" + large).json["attempts"] == 1, "the reload cost the large job its worker")
    expect(w.alice.ask("DELETE", "/v1/jobs/" + large).status in (200, 202))
    w.alice.wait(large)
    end = time.time() + 60
    while before & set(w.d.workers()):
        expect(time.time() < end, "the large one's process is the old one still")
        time.sleep(0.02)


def jobs_of_workers_that_die_are_made_again(w):
    wait_for_workers(w.d, 2)
    large = w.alice.post({**LARGE, "cohort": {"cases": 200, "controls": 200}}).json["id"]
    w.alice.wait(large, until=("running",))
    small = w.alice.post({**BODY, "cohort": {"cases": 50, "controls": 50}}).json["id"]
    for pid in w.d.workers():
        os.kill(pid, signal.SIGKILL)
    for job in (small, large):
        j = w.alice.wait(job)
        expect(j["state"] in ("released", "withheld"), j)
    expect(j["attempts"] == 2, j)
    expect(w.d.admin("audit", "verify"), "the audit log")


def cohorts_of_one_model_are_judged_one_after_the_other(_):
    """Each alone may leave, two may not: whoever judged two at a time would release both."""
    d = Daemon(sys.argv[1], sys.argv[2], "turns", worker__processes=4, jobs__per_key_max=64)
    demo = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/policy-demo.toml")
    text = open(demo, encoding="utf-8").read().replace("[budget]\nauc_max = 0.74", "[budget]\nauc_max = 0.52")
    expect("[budget]\nauc_max = 0.52" in text, "the demonstration policy changed")
    policy = os.path.join(d.folder, "policy.toml")
    with open(policy, "w", encoding="utf-8") as f:
        f.write(text)  # 18 people of each label
    config = open(d.config, encoding="utf-8").read()
    with open(d.config, "w", encoding="utf-8") as f:
        f.write(re.sub("policy = .*", f'policy = "{policy}"', config))
    d.start()
    wait_for_workers(d, 4)
    alice, root = d.client(d.key("alice")), d.client(d.key("root", "--scope", "admin"))
    jobs = [alice.post({**BODY, "cohort": {"cases": 10, "controls": 10}, "seed": n}).json["id"] for n in range(16)]
    ends = [alice.wait(j) for j in jobs]
    released = [j for j in ends if j["state"] == "released"]
    expect(len(released) == 1, [(j["state"], j["reason"]) for j in ends])
    expect(any(j["reason"] == "budget_spent" for j in ends), ends)
    u = root.get("/v1/usage").json["models"]
    expect(u[0]["cases_released"] == 10 and u[0]["attempts"] == 16, u)
    expect(d.stop() == 0)
    d.remove()


CASES = [a_small_job_does_not_wait_for_a_large_one_that_runs, a_reload_takes_each_process_between_two_of_its_jobs,
         jobs_of_workers_that_die_are_made_again, cohorts_of_one_model_are_judged_one_after_the_other]

if __name__ == "__main__":
    sys.exit(run(CASES, World, finish, sys.argv[3:]))
