-- What a job carries beside its request: where to call when it ended, and the weight of its key.
ALTER TABLE jobs ADD COLUMN callback_url TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 9);
CREATE INDEX jobs_owner_time ON jobs (owner, created_ms);

-- What a key may use; 0: what the configuration says.
ALTER TABLE keys ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN priority INTEGER NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 9);
ALTER TABLE keys ADD COLUMN jobs_max INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN people_day INTEGER NOT NULL DEFAULT 0;
CREATE TABLE key_models (
    key_id     TEXT NOT NULL REFERENCES keys (id),
    model      TEXT NOT NULL,
    people_day INTEGER NOT NULL,
    PRIMARY KEY (key_id, model)
) STRICT, WITHOUT ROWID;

-- Every change of a job, in order: what event streams send and where they resume. Triggers write it, so that no function
-- that moves a job can forget.
CREATE TABLE events (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms  INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    owner  TEXT NOT NULL,
    state  TEXT NOT NULL,
    stage  TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX events_job ON events (job_id, seq);
CREATE INDEX events_owner ON events (owner, seq);
CREATE INDEX events_time ON events (at_ms);
CREATE TRIGGER events_new AFTER INSERT ON jobs BEGIN
    INSERT INTO events (at_ms, job_id, owner, state, stage, reason)
    VALUES (NEW.updated_ms, NEW.id, NEW.owner, NEW.state, NEW.stage, NEW.reason);
END;
CREATE TRIGGER events_move AFTER UPDATE OF state, stage ON jobs
WHEN OLD.state <> NEW.state OR OLD.stage <> NEW.stage BEGIN
    INSERT INTO events (at_ms, job_id, owner, state, stage, reason)
    VALUES (NEW.updated_ms, NEW.id, NEW.owner, NEW.state, NEW.stage, NEW.reason);
END;

-- Calls to make: one per end of a job that asked for it.
CREATE TABLE deliveries (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id   TEXT NOT NULL REFERENCES jobs (id),
    at_ms    INTEGER NOT NULL,
    state    TEXT NOT NULL,
    reason   TEXT NOT NULL,
    url      TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_ms  INTEGER NOT NULL,
    done_ms  INTEGER NOT NULL DEFAULT 0,        -- 0: still to be made
    outcome  TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX deliveries_due ON deliveries (next_ms) WHERE done_ms = 0;
CREATE TRIGGER deliveries_new AFTER UPDATE OF state ON jobs
WHEN NEW.callback_url <> '' AND OLD.state <> NEW.state AND NEW.state NOT IN ('queued', 'running') BEGIN
    INSERT INTO deliveries (job_id, at_ms, state, reason, url, next_ms)
    VALUES (NEW.id, NEW.updated_ms, NEW.state, NEW.reason, NEW.callback_url, 0);
END;

-- Whose turn it is (start-time fair queueing): `finish` is where an owner's last started job ends on a clock that counts
-- people, divided by two for each step of priority. The row of owner '' is the service's own clock: the start of the job
-- that was started last. Nobody saves up turns, and nobody waits behind all of another's jobs.
CREATE TABLE turns (owner TEXT PRIMARY KEY, finish INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO turns VALUES ('', 0);
CREATE TRIGGER turns_start AFTER UPDATE OF state ON jobs WHEN OLD.state = 'queued' AND NEW.state = 'running' BEGIN
    INSERT INTO turns VALUES (NEW.owner, 0) ON CONFLICT (owner) DO NOTHING;
    UPDATE turns SET finish = max(finish, (SELECT finish FROM turns WHERE owner = NEW.owner)) WHERE owner = '';
    UPDATE turns SET finish = (SELECT finish FROM turns WHERE owner = '') +
        ((NEW.n_case + NEW.n_control + 100) * 512 >> NEW.priority) WHERE owner = NEW.owner;
END;
CREATE TRIGGER turns_back AFTER UPDATE OF state ON jobs WHEN OLD.state = 'running' AND NEW.state = 'queued' BEGIN
    UPDATE turns SET finish = max(0, finish - ((NEW.n_case + NEW.n_control + 100) * 512 >> NEW.priority))
        WHERE owner = NEW.owner;
END;
CREATE VIEW queue AS
SELECT seq, row_number() OVER (ORDER BY start, priority DESC, seq) AS place
FROM (SELECT j.seq, j.priority, max(coalesce(t.finish, 0), (SELECT finish FROM turns WHERE owner = '')) +
          sum((j.n_case + j.n_control + 100) * 512 >> j.priority) OVER (PARTITION BY j.owner ORDER BY j.priority DESC, j.seq) -
          ((j.n_case + j.n_control + 100) * 512 >> j.priority) AS start
      FROM jobs j LEFT JOIN turns t ON t.owner = j.owner WHERE j.state = 'queued');

-- What a reviewer said about a withheld job. An approval opens the door only for the cohort that was judged: its digest.
CREATE TABLE decisions (
    job_id   TEXT PRIMARY KEY REFERENCES jobs (id),
    approve  INTEGER NOT NULL CHECK (approve IN (0, 1)),
    reviewer TEXT NOT NULL,
    reason   TEXT NOT NULL,
    cohort   TEXT NOT NULL,
    at_ms    INTEGER NOT NULL
) STRICT;
