-- Keys: the key itself is never stored, only its SHA-256.
CREATE TABLE keys (
    id           TEXT PRIMARY KEY,             -- public part of the key
    hash         BLOB NOT NULL CHECK (length(hash) = 32),
    owner        TEXT NOT NULL,
    scopes       INTEGER NOT NULL,             -- bits of sg_scope
    created_ms   INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL DEFAULT 0,   -- 0: never
    revoked_ms   INTEGER NOT NULL DEFAULT 0,   -- 0: not
    last_used_ms INTEGER NOT NULL DEFAULT 0    -- within a minute
) STRICT;
CREATE INDEX keys_owner ON keys (owner);

-- Every bundle a worker has ever opened: what a job row's digest refers to.
CREATE TABLE models (
    id            TEXT NOT NULL,
    digest        TEXT NOT NULL,
    trait         TEXT NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    last_seen_ms  INTEGER NOT NULL,
    PRIMARY KEY (id, digest)
) STRICT;

CREATE TABLE jobs (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,   -- order of arrival
    id           TEXT NOT NULL UNIQUE,                -- UUIDv7
    owner        TEXT NOT NULL,
    key_id       TEXT NOT NULL REFERENCES keys (id),
    model        TEXT NOT NULL,
    model_digest TEXT NOT NULL,
    name         TEXT NOT NULL DEFAULT '',
    n_case       INTEGER NOT NULL CHECK (n_case >= 0),
    n_control    INTEGER NOT NULL CHECK (n_control >= 0),
    seed         INTEGER NOT NULL CHECK (seed >= 0),
    options      TEXT NOT NULL,                       -- {"sampler":{...},"formats":[...]}
    state        TEXT NOT NULL,
    stage        TEXT NOT NULL DEFAULT '',
    attempts     INTEGER NOT NULL DEFAULT 0,
    cancel       INTEGER NOT NULL DEFAULT 0,
    reason       TEXT NOT NULL DEFAULT '',            -- a code for the requester
    verdict      TEXT NOT NULL DEFAULT '',            -- the committee's copy; no route serves it
    created_ms   INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL,
    started_ms   INTEGER NOT NULL DEFAULT 0,
    finished_ms  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX jobs_owner ON jobs (owner, seq);
CREATE INDEX jobs_state ON jobs (state, seq);

CREATE TABLE job_files (
    job_id TEXT NOT NULL REFERENCES jobs (id),
    name   TEXT NOT NULL,
    bytes  INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (job_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    owner      TEXT NOT NULL,
    key        TEXT NOT NULL,
    body       BLOB NOT NULL,                          -- SHA-256 of the request body
    job_id     TEXT NOT NULL REFERENCES jobs (id),
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

-- A hash chain: hash = SHA-256(previous hash, length-prefixed fields in the order below).
CREATE TABLE audit (
    seq        INTEGER PRIMARY KEY,
    at_ms      INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    request_id TEXT NOT NULL,
    detail     TEXT NOT NULL,
    hash       BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
