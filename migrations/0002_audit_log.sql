-- The audit log as a hash tree (RFC 9162). Entry seq is leaf seq - 1; audit_node keeps the hash of every complete
-- subtree, level 0 being the leaves. The rows of the older chain (table audit) move here at the next start.
CREATE TABLE audit_log (
    seq         INTEGER PRIMARY KEY,
    at_ms       INTEGER NOT NULL,
    action      TEXT NOT NULL,
    subject     TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    request_id  TEXT NOT NULL,
    detail      TEXT NOT NULL,
    actor       TEXT NOT NULL,                 -- personal: empty once erased
    origin      TEXT NOT NULL,                 -- personal: where from; empty once erased
    salt        BLOB NOT NULL,                 -- of the two commitments; empty once erased
    actor_hash  BLOB NOT NULL CHECK (length(actor_hash) = 32),
    origin_hash BLOB NOT NULL CHECK (length(origin_hash) = 32)
) STRICT;
CREATE INDEX audit_log_actor ON audit_log (actor);

CREATE TABLE audit_node (
    level INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    hash  BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;
