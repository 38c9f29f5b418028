-- Wishes to have a released cohort made again and compared, and what came of them.
CREATE TABLE verifications (
    id          TEXT PRIMARY KEY,                  -- UUIDv7
    job_id      TEXT NOT NULL REFERENCES jobs (id),
    owner       TEXT NOT NULL,                     -- who asked
    state       TEXT NOT NULL CHECK (state IN ('queued', 'running', 'finished')),
    outcome     TEXT NOT NULL DEFAULT '',          -- same, different or failed, when finished
    reason      TEXT NOT NULL DEFAULT '',
    n_file      INTEGER NOT NULL DEFAULT 0,        -- files compared
    differing   TEXT NOT NULL DEFAULT '',          -- their names, by blanks
    attempts    INTEGER NOT NULL DEFAULT 0,
    created_ms  INTEGER NOT NULL,
    finished_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX verifications_job ON verifications (job_id, created_ms);
CREATE INDEX verifications_open ON verifications (created_ms) WHERE state <> 'finished';
