/* shelf.c - models and their sealed people, opened once and kept; see worker.h. */
#include "worker/worker.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define REFERENCE_BYTES ((size_t)64 << 30) /* reserved, not used: a million people on 65,536 SNPs need half of it */

sg_status sg_shelf_add(sg_shelf *s, const char *id, const char *path, const uint8_t key[SG_KEY_BYTES],
                       const sg_policy *policy, sg_err *err)
{
    if (s->n == SG_SHELF)
        return sg_fail(err, SG_LIMIT, "more than %d models", SG_SHELF);
    sg_shelf_item *m = &s->item[s->n];
    memset(m, 0, sizeof *m);
    SG_TRY(sg_model_open(path, &m->model, err));
    (void)snprintf(m->id, sizeof m->id, "%s", *id ? id : m->model->card.id);
    sg_status st = sg_shelf_find(s, m->id) ? sg_fail(err, SG_MISMATCH, "two models have the id \"%s\"", m->id) : SG_OK;
    if (!st)
        st = sg_qualification_check(&m->model->card, policy, key, sg_clock_wall_ms(), err);
    sg_qualification_read(&m->model->card, &m->qualified);
    if (!st)
        st = sg_arena_init(&m->arena, REFERENCE_BYTES, err);
    if (!st)
        st = sg_reference_open(path, &m->model->card, key, &m->arena, &m->reference, err);
    if (!st) {
        s->n++;
        return SG_OK;
    }
    sg_arena_clear(&m->arena);
    sg_model_close(m->model);
    memset(m, 0, sizeof *m);
    return st;
}

sg_shelf_item *sg_shelf_find(sg_shelf *s, const char *id)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->item[i].id, id))
            return &s->item[i];
    return NULL;
}

void sg_shelf_clear(sg_shelf *s)
{
    for (int i = 0; i < s->n; i++) {
        sg_gate_memory_free(s->item[i].memory);
        sg_arena_clear(&s->item[i].arena);
        sg_model_close(s->item[i].model);
    }
    s->n = 0;
}

static json_t *labels(const sg_card *c)
{
    json_t *list = json_array();
    for (int i = 0; i < c->n_label; i++)
        (void)json_array_append_new(list, json_string(c->label_name[i]));
    return list;
}

/* That the model was audited, and until when that holds; the numbers are the steward's. */
static json_t *qualification_json(const sg_qualification *q)
{
    return q->present ? json_pack("{s:s,s:s,s:s}", "outcome", q->outcome, "created", q->created, "expires", q->expires)
                      : json_null();
}

static json_t *card_json(const sg_shelf_item *m)
{
    const sg_card *c = &m->model->card;
    json_error_t e;
    char digest[SG_DIGEST_HEX];
    sg_hex(m->model->digest.b, SG_DIGEST_BYTES, digest);
    json_t *metrics = c->metrics_json ? json_loads(c->metrics_json, 0, &e) : NULL;
    return json_pack("{s:s,s:s,s:s,s:o,s:f,s:I,s:s,s:s,s:s,s:s,s:{s:I,s:I,s:I},s:{s:s,s:i,s:f,s:s},s:o,s:o}", "id",
                     m->id, "digest", digest, "trait", c->trait, "labels", labels(c), "prevalence", c->prevalence,
                     "snps", (json_int_t)m->model->panel.n_snp, "created", c->created, "build", c->build, "licence",
                     c->licence, "intended_use", c->intended_use, "people", "train", (json_int_t)c->n_train,
                     "validation", (json_int_t)c->n_val, "test", (json_int_t)c->n_test, "sampler", "name",
                     sg_solver_name(c->sampling.solve.solver), "steps", c->sampling.solve.steps, "guidance",
                     c->sampling.solve.guidance, "decode", sg_decode_name(c->sampling.decode), "metrics",
                     metrics ? metrics : json_null(), "qualification", qualification_json(&m->qualified));
}

/* Names and places, as a .bim has them. Frequencies and effects stay: with them the question "was this person among
 * those the model was made from?" becomes easier to ask. */
static json_t *panel_json(const sg_shelf_item *m)
{
    const sg_panel *p = &m->model->panel;
    json_t *snps = json_array();
    for (int64_t i = 0; i < p->n_snp; i++) {
        const sg_snp *s = &p->snp[i];
        (void)json_array_append_new(snps, json_pack("{s:s,s:s,s:I,s:s,s:s}", "chrom", s->chrom, "id", s->id, "pos",
                                                    (json_int_t)s->pos, "a1", s->a1, "a2", s->a2));
    }
    return json_pack("{s:s,s:s,s:I,s:o}", "model", m->id, "counted", p->counted_a2 ? "a2" : "a1", "n_snp",
                     (json_int_t)p->n_snp, "snps", snps);
}

json_t *sg_shelf_message(const sg_shelf_item *m)
{
    char digest[SG_DIGEST_HEX];
    sg_hex(m->model->digest.b, SG_DIGEST_BYTES, digest);
    return json_pack("{s:s,s:s,s:s,s:s,s:i,s:I,s:o,s:o}", "type", "model", "id", m->id, "digest", digest, "trait",
                     m->model->card.trait, "n_label", m->model->card.n_label, "n_snp",
                     (json_int_t)m->model->panel.n_snp, "card", card_json(m), "panel", panel_json(m));
}
