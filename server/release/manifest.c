/* manifest.c - the signed statement over a release; see manifest.h. */
#include "release/manifest.h"
#include "attest/envelope.h"
#include "attest/release.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_TEXT = 900 };

sg_status sg_manifest_facts(const char *folder, json_t **out, sg_err *err)
{
    char path[PATH_TEXT];
    sg_buf b;
    json_error_t e;
    (void)snprintf(path, sizeof path, "%s/report.json", folder);
    SG_TRY(sg_file_read(path, 16 << 20, &b, err));
    *out = json_loadb(b.data ? (const char *)b.data : "", b.n, JSON_REJECT_DUPLICATES, &e);
    sg_buf_clear(&b);
    return json_is_object(*out) ? SG_OK : sg_fail(err, SG_FORMAT, "%s line %d: %s", path, e.line, e.text);
}

static json_t *subjects(const sg_parcel *files)
{
    json_t *list = json_array();
    for (int i = 0; i < files->n; i++) {
        char hex[SG_DIGEST_HEX];
        sg_hex(files->file[i].sha256.b, SG_DIGEST_BYTES, hex);
        (void)json_array_append_new(list,
                                    json_pack("{s:s,s:{s:s}}", "name", files->file[i].name, "digest", "sha256", hex));
    }
    return list;
}

static sg_status save(const char *folder, const char *name, const json_t *j, sg_err *err)
{
    char path[PATH_TEXT];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = sg_json_text(j, JSON_INDENT(2));
    if (!text)
        return sg_fail(err, SG_NOMEM, "no memory for %s", name);
    const size_t n = strlen(text);
    text[n] = '\n'; /* over the terminator: the length is given */
    const sg_status st = sg_file_write(path, 0600, text, n + 1, err);
    free(text);
    return st;
}

/* The entry, its proof, and the envelope with both beside it. */
static sg_status seal_up(const char *folder, const sg_buf *payload, const char *job, json_t *detail,
                         const sg_audit_seal *seal, sg_store *s, sg_err *err)
{
    char hex[SG_DIGEST_HEX];
    sg_buf leaf, note;
    sg_proof proof;
    json_t *envelope = NULL;
    const sg_digest d = sg_sha256_of(payload->data, payload->n);
    sg_hex(d.b, sizeof d.b, hex);
    (void)json_object_set_new(detail, "statement", json_string(hex));
    char *words = sg_json_text(detail, JSON_COMPACT | JSON_SORT_KEYS);
    sg_buf_init(&leaf, 1 << 20);
    sg_buf_init(&note, SG_NOTE_MAX);
    sg_status st = words ? SG_OK : sg_fail(err, SG_NOMEM, "no memory for an audit entry");
    if (!st)
        st = sg_audit_add_proven(s, &(sg_audit_event){"snpgend", "job.release", job, "ok", "", words}, seal, &leaf,
                                 &proof, &note, err);
    if (!st)
        st = sg_envelope_seal(payload->data, payload->n, seal->key, &envelope, err);
    if (!st) {
        (void)json_object_set_new(envelope, "audit",
                                  sg_release_audit((const char *)leaf.data, &proof, (const char *)note.data));
        st = save(folder, SG_MANIFEST_NAME, envelope, err);
    }
    json_decref(envelope);
    free(words);
    sg_buf_clear(&leaf);
    sg_buf_clear(&note);
    return st;
}

sg_status sg_manifest_write(const char *folder, const sg_parcel *files, const json_t *facts, const char *job,
                            json_t *detail, const sg_audit_seal *seal, sg_store *s, sg_err *err)
{
    sg_buf payload;
    json_t *predicate = json_copy((json_t *)(uintptr_t)facts);
    (void)json_object_set_new(predicate, "build", json_string(SG_VERSION));
    (void)json_object_set_new(predicate, "cohort_sha256", json_copy(json_object_get(detail, "cohort")));
    json_t *statement = json_pack("{s:s,s:o,s:s,s:o}", "_type", "https://in-toto.io/Statement/v1", "subject",
                                  subjects(files), "predicateType", SG_PREDICATE_TYPE, "predicate", predicate);
    sg_buf_init(&payload, SG_STATEMENT_MAX);
    sg_status st = statement ? sg_statement_text(statement, &payload, err)
                             : sg_fail(err, SG_NOMEM, "no memory for the statement of a release");
    if (!st)
        st = seal_up(folder, &payload, job, detail, seal, s, err);
    json_decref(statement);
    sg_buf_clear(&payload);
    return st;
}

/* ---- RO-Crate ---- */

static json_t *id_of(const char *id)
{
    return json_pack("{s:s}", "@id", id);
}

static const char *media_type(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && !strcmp(dot, ".json")                              ? "application/json"
           : dot && !strcmp(dot, ".html")                            ? "text/html"
           : dot && (!strcmp(dot, ".txt") || !strcmp(dot, ".pheno")) ? "text/plain"
           : dot && !strcmp(dot, ".gz")                              ? "application/gzip"
                                                                     : "application/octet-stream";
}

static void add_files(const sg_parcel *files, json_t *graph, json_t *parts)
{
    for (int i = 0; i < files->n; i++) {
        char hex[SG_DIGEST_HEX];
        sg_hex(files->file[i].sha256.b, SG_DIGEST_BYTES, hex);
        (void)json_array_append_new(parts, id_of(files->file[i].name));
        (void)json_array_append_new(graph, json_pack("{s:s,s:s,s:s,s:s,s:s}", "@id", files->file[i].name, "@type",
                                                     "File", "encodingFormat", media_type(files->file[i].name),
                                                     "contentSize", "", "sha256", hex));
        char bytes[32];
        (void)snprintf(bytes, sizeof bytes, "%lld", (long long)files->file[i].bytes);
        (void)json_object_set_new(json_array_get(graph, json_array_size(graph) - 1), "contentSize", json_string(bytes));
    }
}

static const char *fact(const json_t *facts, const char *member, const char *inner)
{
    const json_t *j = json_object_get(facts, member);
    const char *s = json_string_value(inner ? json_object_get(j, inner) : j);
    return s ? s : "";
}

/* What was asked for, by which model it was made, and that the gate let it pass. */
static void add_actions(json_t *graph, const json_t *facts, const sg_job *job)
{
    const char *requested = fact(facts, "requested", NULL);
    char name[160];
    (void)snprintf(name, sizeof name, "%lld cases and %lld controls drawn from the model %s, seed %lld",
                   (long long)job->n_case, (long long)job->n_control, job->model, (long long)job->seed);
    (void)json_array_append_new(graph, json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:o,s:{s:s}}", "@id", "#job", "@type",
                                                 "CreateAction", "name", name, "startTime", requested, "instrument",
                                                 id_of("#snpgen"), "object", id_of("#model"), "result", id_of("./"),
                                                 "actionStatus", "@id", "http://schema.org/CompletedActionStatus"));
    (void)json_array_append_new(
        graph, json_pack("{s:s,s:s,s:o,s:s,s:o,s:o,s:{s:s}}", "@id", "#disclosure-check", "@type", "AssessAction",
                         "additionalType", id_of("https://w3id.org/shp#DisclosureCheck"), "name",
                         "membership, copy and relatedness attacks with the training people as reference: passed",
                         "instrument", id_of("#snpgen"), "object", id_of("./"), "actionStatus", "@id",
                         "http://schema.org/CompletedActionStatus"));
    (void)json_array_append_new(graph,
                                json_pack("{s:s,s:s,s:s,s:s,s:s}", "@id", "#snpgen", "@type", "SoftwareApplication",
                                          "name", "snpgen", "softwareVersion", SG_VERSION, "version", SG_VERSION));
    (void)json_array_append_new(graph, json_pack("{s:s,s:s,s:s,s:s,s:s}", "@id", "#model", "@type", "CreativeWork",
                                                 "name", job->model, "identifier", job->model_digest, "about",
                                                 fact(facts, "model", "trait")));
}

sg_status sg_crate_write(const char *folder, const sg_parcel *files, const json_t *facts, const sg_job *job,
                         sg_err *err)
{
    json_t *graph = json_array(), *parts = json_array();
    (void)json_array_append_new(graph,
                                json_pack("{s:s,s:s,s:o,s:o}", "@id", SG_CRATE_NAME, "@type", "CreativeWork",
                                          "conformsTo", id_of("https://w3id.org/ro/crate/1.1"), "about", id_of("./")));
    (void)json_array_append_new(
        graph, json_pack("{s:s,s:s,s:o,s:s,s:s,s:s,s:s,s:O,s:[o,o]}", "@id", "./", "@type", "Dataset", "conformsTo",
                         id_of("https://w3id.org/5s-crate/0.4"), "name", "Synthetic genotypes", "description",
                         "People who do not exist, drawn from a generative model; nobody's genome.", "datePublished",
                         fact(facts, "requested", NULL), "identifier", job->id, "hasPart", parts, "mentions",
                         id_of("#job"), id_of("#disclosure-check")));
    add_files(files, graph, parts);
    add_actions(graph, facts, job);
    json_decref(parts);
    json_t *crate = json_pack("{s:s,s:o}", "@context", "https://w3id.org/ro/crate/1.1/context", "@graph", graph);
    const sg_status st =
        crate ? save(folder, SG_CRATE_NAME, crate, err) : sg_fail(err, SG_NOMEM, "no memory for %s", SG_CRATE_NAME);
    json_decref(crate);
    return st;
}
