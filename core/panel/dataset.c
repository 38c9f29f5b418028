/* dataset.c - the folder a steward prepares: saving (dataset.h) and loading (panel.h).
 *
 * prepare.json holds the SHA-256 of the three other files, so that files of two runs cannot be mixed up, and the digest
 * that a model's card repeats. */
#include "panel/dataset.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "formats/snpz.h"
#include "formats/text.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JSON_BYTES_MAX ((size_t)16 << 20)
#define SPLIT_BYTES_MAX ((size_t)4 << 30)

enum { PANEL, GENOTYPES, SPLIT, N_FILE };
static const char *const file_name[N_FILE] = {"panel.tsv", "genotypes.snpz", "split.tsv"};

static sg_status join(char out[PATH_MAX], const char *dir, const char *name, sg_err *err)
{
    const int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);
    return n > 0 && n < PATH_MAX ? SG_OK : sg_fail(err, SG_LIMIT, "%.200s...: path too long", dir);
}

/* Over panel, genotypes, labels, roles and marks; not over who the people are. */
static sg_status dataset_digest(const sg_digest *panel, const sg_digest *genotypes, const sg_dataset *ds,
                                sg_digest *out, sg_err *err)
{
    static const char tag[2][18] = {"snpgen dataset 1\n", "snpgen dataset 2\n"};
    sg_sha256 *h;
    SG_TRY(sg_sha256_new(&h, err));
    sg_sha256_add(h, tag[ds->mark != NULL], sizeof tag[0] - 1);
    sg_sha256_add(h, panel->b, sizeof panel->b);
    sg_sha256_add(h, genotypes->b, sizeof genotypes->b);
    if (ds->people.n_sample) {
        sg_sha256_add(h, ds->label, (size_t)ds->people.n_sample);
        sg_sha256_add(h, ds->role, (size_t)ds->people.n_sample);
        if (ds->mark)
            sg_sha256_add(h, ds->mark, (size_t)ds->people.n_sample);
    }
    *out = sg_sha256_end(h);
    sg_sha256_free(h);
    return SG_OK;
}

/* ---- saving ---- */

static const char *half_word(const sg_dataset *ds, int64_t i)
{
    return ds->role[i] != SG_ROLE_TEST ? "-" : ds->mark[i] & SG_MARK_CALIBRATION ? "calib" : "eval";
}

static sg_status save_split(const char *path, const sg_dataset *ds, const char *const (*id)[2], sg_err *err)
{
    sg_out o;
    SG_TRY(sg_out_open(path, 0600, &o, err));
    (void)fprintf(o.f, "FID\tIID\tlabel\trole%s\n", ds->mark ? "\thalf\taudit" : "");
    for (int64_t i = 0; i < ds->people.n_sample; i++) {
        const char *role = sg_role_name((sg_role)ds->role[i]);
        (void)fprintf(o.f, "%s\t%s\t%d\t%s", id[i][0], id[i][1], ds->label[i], role);
        if (ds->mark)
            (void)fprintf(o.f, "\t%s\t%d", half_word(ds, i), (ds->mark[i] & SG_MARK_AUDIT) != 0);
        (void)fputc('\n', o.f);
    }
    return sg_out_commit(&o, err);
}

static sg_status write_json(const char *path, const sg_dataset *ds, const sg_digest file[N_FILE], json_t *about,
                            sg_err *err)
{
    char hex[SG_DIGEST_HEX];
    json_t *labels = json_array(), *files = json_object();
    for (int i = 0; i < ds->n_label; i++)
        (void)json_array_append_new(labels, json_string(ds->label_name[i]));
    for (int i = 0; i < N_FILE; i++) {
        sg_hex(file[i].b, SG_DIGEST_BYTES, hex);
        (void)json_object_set_new(files, file_name[i], json_string(hex));
    }
    sg_hex(ds->digest.b, SG_DIGEST_BYTES, hex);
    const int bad = json_object_set_new(about, "format", json_integer(ds->mark ? SG_DATASET_FORMAT : 1)) |
                    json_object_set_new(about, "trait", json_string(ds->trait)) |
                    json_object_set_new(about, "prevalence", json_real(ds->prevalence)) |
                    json_object_set_new(about, "labels", labels) | json_object_set_new(about, "files", files) |
                    json_object_set_new(about, "digest", json_string(hex));
    char *text = bad ? NULL : sg_json_text(about, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (!text)
        return sg_fail(err, SG_NOMEM, "%s: cannot be written as JSON", path);
    const size_t n = strlen(text);
    text[n] = '\n'; /* in place of the terminator */
    const sg_status st = sg_file_write(path, 0600, text, n + 1, err);
    free(text);
    return st;
}

static sg_status save_files(const char *dir, sg_dataset *ds, const char *const (*id)[2], json_t *about, sg_err *err)
{
    char path[N_FILE][PATH_MAX], json[PATH_MAX];
    sg_digest file[N_FILE], genotypes;
    for (int i = 0; i < N_FILE; i++)
        SG_TRY(join(path[i], dir, file_name[i], err));
    SG_TRY(join(json, dir, "prepare.json", err));
    SG_TRY(sg_panel_save(path[PANEL], &ds->panel, err));
    SG_TRY(sg_snpz_save(path[GENOTYPES], &ds->people, &genotypes, err));
    SG_TRY(save_split(path[SPLIT], ds, id, err));
    for (int i = 0; i < N_FILE; i++)
        SG_TRY(sg_sha256_file(path[i], &file[i], err));
    SG_TRY(dataset_digest(&file[PANEL], &genotypes, ds, &ds->digest, err));
    return write_json(json, ds, file, about, err);
}

sg_status sg_dataset_save(const char *dir, sg_dataset *ds, const char *const (*id)[2], json_t *about, sg_err *err)
{
    char temp[PATH_MAX];
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    if (sg_file_exists(dir))
        return sg_fail(err, SG_STATE, "%s exists already; choose another --out or remove it", dir);
    if (snprintf(temp, sizeof temp, "%.*s.tmp-XXXXXX", (int)n, dir) >= (int)sizeof temp)
        return sg_fail(err, SG_LIMIT, "%.200s...: path too long", dir);
    if (!mkdtemp(temp)) /* mode 0700 */
        return sg_fail(err, SG_IO, "%s: cannot make this folder: %s", dir, strerror(errno));
    sg_status st = save_files(temp, ds, id, about, err);
    if (!st && rename(temp, dir))
        st = errno == EEXIST || errno == ENOTEMPTY
                 ? sg_fail(err, SG_STATE, "%s exists already; choose another --out or remove it", dir)
                 : sg_fail(err, SG_IO, "%s: cannot make this folder: %s", dir, strerror(errno));
    if (st && sg_dir_remove(temp, NULL))
        sg_log(SG_LOG_WARN, "%s could not be removed", temp);
    return st;
}

/* ---- loading ---- */

static sg_status bad_json(const char *path, const char *what, sg_err *err)
{
    return sg_fail(err, SG_FORMAT, "%s: %s", path, what);
}

static sg_status read_digest(const char *path, const json_t *value, sg_digest *out, sg_err *err)
{
    const char *hex = json_string_value(value);
    if (!hex || strlen(hex) != SG_DIGEST_HEX - 1 || sg_unhex(hex, SG_DIGEST_BYTES, out->b, NULL))
        return bad_json(path, "a SHA-256 is missing or not 64 hexadecimal digits", err);
    return SG_OK;
}

static sg_status copy_text(const char *path, const char *key, const json_t *value, char *out, size_t size, sg_err *err)
{
    const char *s = json_string_value(value);
    if (!s || !*s || strlen(s) >= size)
        return sg_fail(err, SG_FORMAT, "%s: \"%s\" is missing or not a text of 1 to %zu bytes", path, key, size - 1);
    memcpy(out, s, strlen(s) + 1);
    return SG_OK;
}

static sg_status read_about(const char *path, const json_t *j, sg_dataset *ds, sg_digest file[N_FILE], int *version,
                            sg_err *err)
{
    const json_t *format = json_object_get(j, "format"), *labels = json_object_get(j, "labels"),
                 *files = json_object_get(j, "files");
    *version = json_is_integer(format) ? (int)json_integer_value(format) : 0;
    if (*version < 1 || *version > SG_DATASET_FORMAT)
        return sg_fail(err, SG_LIMIT, "%s: not a dataset of format 1 or %d; prepare it again", path, SG_DATASET_FORMAT);
    SG_TRY(copy_text(path, "trait", json_object_get(j, "trait"), ds->trait, sizeof ds->trait, err));
    ds->prevalence = json_number_value(json_object_get(j, "prevalence"));
    if (!(ds->prevalence > 0 && ds->prevalence < 1))
        return bad_json(path, "\"prevalence\" is missing or not between 0 and 1", err);
    const size_t n = json_array_size(labels);
    if (n < 2 || n > SG_LABEL_MAX)
        return sg_fail(err, SG_FORMAT, "%s: %zu labels, want 2 to %d", path, n, SG_LABEL_MAX);
    ds->n_label = (int)n;
    for (size_t i = 0; i < n; i++)
        SG_TRY(copy_text(path, "labels", json_array_get(labels, i), ds->label_name[i], SG_LABEL_NAME, err));
    for (int i = 0; i < N_FILE; i++)
        SG_TRY(read_digest(path, json_object_get(files, file_name[i]), &file[i], err));
    return read_digest(path, json_object_get(j, "digest"), &ds->digest, err);
}

static sg_status load_json(const char *path, sg_dataset *ds, sg_digest file[N_FILE], int *version, sg_err *err)
{
    sg_buf b;
    SG_TRY(sg_file_read(path, JSON_BYTES_MAX, &b, err));
    json_error_t e;
    json_t *j = json_loadb(b.n ? (const char *)b.data : "", b.n, JSON_REJECT_DUPLICATES, &e);
    sg_buf_clear(&b);
    if (!j)
        return sg_fail(err, SG_FORMAT, "%s line %d: %s", path, e.line, e.text);
    const sg_status st = read_about(path, j, ds, file, version, err);
    json_decref(j);
    return st;
}

static sg_status split_marks(const sg_text *t, char *const f[6], int64_t i, sg_dataset *ds, sg_err *err)
{
    ds->mark[i] =
        (uint8_t)((strcmp(f[4], "calib") ? 0 : SG_MARK_CALIBRATION) | (strcmp(f[5], "1") ? 0 : SG_MARK_AUDIT));
    if (strcmp(f[4], half_word(ds, i)) != 0 || !sg_mark_ok(ds->mark[i], (sg_role)ds->role[i]))
        return sg_fail(err, SG_FORMAT,
                       "%s line %lld: the half does not go with the role: want calib or eval for test, - for others, "
                       "and audit not for val",
                       t->name, (long long)t->line);
    if (strcmp(f[5], "0") != 0 && strcmp(f[5], "1") != 0)
        return sg_fail(err, SG_FORMAT, "%s line %lld: audit is not 0 or 1", t->name, (long long)t->line);
    return SG_OK;
}

static sg_status split_row(const sg_text *t, char *line, int64_t i, sg_dataset *ds, sg_err *err)
{
    char *f[6];
    int64_t label;
    const int n = sg_text_split(line, 0, f, 6), want = ds->mark ? 6 : 4;
    if (n != want)
        return sg_fail(err, SG_FORMAT, "%s line %lld: %d columns, want %d", t->name, (long long)t->line, n, want);
    if (!sg_text_int(f[2], &label) || label < 0 || label >= ds->n_label)
        return sg_fail(err, SG_FORMAT, "%s line %lld: the label is not a number of 0 to %d", t->name,
                       (long long)t->line, ds->n_label - 1);
    int role = 0;
    while (role < SG_N_ROLE && strcmp(f[3], sg_role_name((sg_role)role)) != 0)
        role++;
    if (role == SG_N_ROLE)
        return sg_fail(err, SG_FORMAT, "%s line %lld: the role is none of train, val and test", t->name,
                       (long long)t->line);
    ds->label[i] = (int8_t)label;
    ds->role[i] = (uint8_t)role;
    return ds->mark ? split_marks(t, f, i, ds, err) : SG_OK;
}

static sg_status load_split(const char *path, int version, sg_arena *a, sg_dataset *ds, sg_err *err)
{
    const int64_t people = ds->people.n_sample;
    char *data, *line;
    size_t n;
    sg_text t;
    ds->label = SG_NEW(a, int8_t, people);
    ds->role = SG_NEW(a, uint8_t, people);
    ds->mark = version > 1 ? SG_NEW(a, uint8_t, people) : NULL;
    if (!ds->label || !ds->role || (version > 1 && !ds->mark))
        return sg_arena_full(a, path, err);
    const size_t mark = sg_arena_mark(a);
    SG_TRY(sg_text_load(path, SPLIT_BYTES_MAX, a, &data, &n, err));
    SG_TRY(sg_text_begin(&t, path, data, n, err));
    const int64_t rows = sg_text_count(data, n) - 1;
    if (rows != people)
        return sg_fail(err, SG_MISMATCH, "%s: %lld people, genotypes.snpz has %lld", path, (long long)rows,
                       (long long)people);
    SG_TRY(sg_text_next(&t, &line, err));
    for (int64_t i = 0; i < people; i++) {
        SG_TRY(sg_text_next(&t, &line, err));
        SG_TRY(split_row(&t, line, i, ds, err));
    }
    sg_arena_rewind(a, mark); /* the IDs go; only labels and roles stay */
    return SG_OK;
}

static bool any_missing(const sg_people *p)
{
    for (int64_t s = 0; s < p->n_sample; s++)
        for (int64_t w = 0; w < p->n_word; w++)
            if (sg_people_lo(p, s)[w] & sg_people_hi(p, s)[w])
                return true;
    return false;
}

sg_status sg_dataset_load(const char *dir, sg_arena *a, sg_dataset *out, sg_err *err)
{
    char path[N_FILE][PATH_MAX], json[PATH_MAX];
    sg_digest want[N_FILE], found, genotypes;
    int version = 0;
    *out = (sg_dataset){0};
    SG_TRY(join(json, dir, "prepare.json", err));
    SG_TRY(load_json(json, out, want, &version, err));
    for (int i = 0; i < N_FILE; i++) {
        SG_TRY(join(path[i], dir, file_name[i], err));
        SG_TRY(sg_sha256_file(path[i], &found, err));
        if (!sg_digest_equal(&found, &want[i]))
            return sg_fail(err, SG_STATE,
                           "%s is not the file that prepare.json names (SHA-256 differs): changed, damaged or of "
                           "another run",
                           path[i]);
    }
    SG_TRY(sg_panel_load(path[PANEL], a, &out->panel, err));
    SG_TRY(sg_snpz_load(path[GENOTYPES], a, &out->people, &genotypes, err));
    if (out->people.n_variant != out->panel.n_snp)
        return sg_fail(err, SG_MISMATCH, "%s has %lld SNPs, panel.tsv has %lld", path[GENOTYPES],
                       (long long)out->people.n_variant, (long long)out->panel.n_snp);
    if (any_missing(&out->people))
        return sg_fail(err, SG_FORMAT, "%s has missing genotypes, want imputed ones", path[GENOTYPES]);
    SG_TRY(load_split(path[SPLIT], version, a, out, err));
    SG_TRY(dataset_digest(&want[PANEL], &genotypes, out, &found, err));
    if (!sg_digest_equal(&found, &out->digest))
        return sg_fail(err, SG_STATE, "%s: its digest is not that of the files beside it", json);
    return SG_OK;
}
