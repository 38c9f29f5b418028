/* audit.h - who did what, when, where from, with what outcome: a log in which nothing can be changed unnoticed.
 *
 * Shape:   entries are the leaves of a hash tree (core/attest). <data.dir>/audit.checkpoint holds the newest signed
 *          checkpoint: how many entries there were and what their root was. Whoever kept an older one can ask for proof
 *          that today's log begins with it. Actor and origin lie outside the hashes, as salted commitments, so that a
 *          name can be erased and every proof stays valid.
 * Units:   at_ms since the Unix epoch; entries are counted from 1.
 * Owner:   -
 * Threads: safe; sg_audit_add joins the transaction of the calling thread when there is one.
 * Not here: who may read it. Never a key, a genotype or a sample ID in `detail`, never a name outside actor and origin.
 */
#ifndef SG_SERVER_AUDIT_AUDIT_H
#define SG_SERVER_AUDIT_AUDIT_H

#include "attest/merkle.h"
#include "attest/note.h"
#include "store/store.h"

typedef struct sg_audit_event {
    const char *actor;   /* owner name, or "snpgend", or "admin" (the command line) */
    const char *action;  /* "job.create", "job.release", "key.revoke", ... */
    const char *subject; /* what it was done to: a job or key id */
    const char *outcome; /* "ok", "denied", or a code */
    const char *request_id;
    const char *detail; /* free text or JSON; "" */
} sg_audit_event;

/* Where the calling thread's entries come from, until it says otherwise: the peer's address while a request is answered,
 * "" for what the service does by itself (the default). Copied; cut at 63 bytes. */
void sg_audit_from(const char *origin);

/* Who vouches for the log. The service has one, made once at start. */
typedef struct sg_audit_seal {
    const sg_signer *key;
    const char *origin; /* the log's name in checkpoints */
} sg_audit_seal;

/* Moves the rows of the older chain into the log, once, after checking them with the old head file beside the database
 * (head_path). MISMATCH: they are not what was written; nothing is moved then. *n_moved rows. */
sg_status sg_audit_upgrade(sg_store *s, const char *head_path, int64_t *n_moved, sg_err *err) SG_MUST_USE;

/* The key that signs the log, read from a file; *made there when there is none and may_make. NOT_FOUND, FORMAT, IO. */
sg_status sg_audit_key(const char *path, bool may_make, bool *made, sg_signer **out, sg_err *err) SG_MUST_USE;

/* Before anything is added, whoever comes first to a data folder, daemon or admin command: moves an older chain and signs
 * the first checkpoint. Afterwards, or when entries came before it, a missing checkpoint is a break and stays one.
 * MISMATCH, FORMAT: the older chain is broken. */
sg_status sg_audit_begin(sg_store *s, const sg_audit_seal *seal, const char *data_dir, sg_err *err) SG_MUST_USE;

/* NULL members count as "". */
sg_status sg_audit_add(sg_store *s, const sg_audit_event *e, sg_err *err) SG_MUST_USE;

/* The same, and what a manifest needs to show that the entry is in the log: its bytes, its proof and a checkpoint of
 * the log that ends with it. Inside the caller's transaction, or all is for nothing when that rolls back. leaf and
 * checkpoint are appended to. */
sg_status sg_audit_add_proven(sg_store *s, const sg_audit_event *e, const sg_audit_seal *seal, sg_buf *leaf,
                              sg_proof *proof, sg_buf *checkpoint, sg_err *err) SG_MUST_USE;

/* A signed checkpoint of the log as it is now, appended. */
sg_status sg_audit_checkpoint(sg_store *s, const sg_audit_seal *seal, sg_buf *b, sg_err *err) SG_MUST_USE;
/* The same into a file, when the log has grown since that was written. */
sg_status sg_audit_save_checkpoint(sg_store *s, const sg_audit_seal *seal, const char *path, sg_err *err) SG_MUST_USE;

/* That entry `seq` is in the log of `size` entries; that the log of `old` entries is the beginning of that of `size`.
 * LIMIT: there is no such entry or size. *leaf: the entry's hash; roots of the sizes named. */
sg_status sg_audit_inclusion(sg_store *s, int64_t seq, int64_t size, sg_digest *leaf, sg_digest *root, sg_proof *out,
                             sg_err *err) SG_MUST_USE;
sg_status sg_audit_consistency(sg_store *s, int64_t old, int64_t size, sg_digest *old_root, sg_digest *root,
                               sg_proof *out, sg_err *err) SG_MUST_USE;

/* Recomputes everything: each entry's hash and commitments, the kept hashes of the tree, and that the log still begins
 * with what the checkpoint file vouches for. MISMATCH names the first entry that is not what was written, is missing or
 * stands out of order, or says that the end was cut off (a missing checkpoint is a mismatch once an entry exists).
 * *n: entries read. */
sg_status sg_audit_verify(sg_store *s, const char *checkpoint_path, const sg_signer *key, int64_t *n,
                          sg_err *err) SG_MUST_USE;

/* The log begins with what an older checkpoint, kept elsewhere, vouches for. MISMATCH: it does not, or it is shorter.
 * Tells the truth about a log that sg_audit_verify found whole. */
sg_status sg_audit_extends(sg_store *s, const sg_checkpoint *old, sg_err *err) SG_MUST_USE;

/* Forgets who `actor` was, in every entry, and logs that so many entries were erased. *n entries. NOT_FOUND: none. */
sg_status sg_audit_erase(sg_store *s, const char *actor, const char *by, int64_t *n, sg_err *err) SG_MUST_USE;

#endif
