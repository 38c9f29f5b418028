-- Why a release was taken back: its owner is told, whenever they ask for a file of it.
CREATE TABLE recalls (
    job_id TEXT PRIMARY KEY REFERENCES jobs (id),
    actor  TEXT NOT NULL,
    reason TEXT NOT NULL,
    at_ms  INTEGER NOT NULL
) STRICT;
