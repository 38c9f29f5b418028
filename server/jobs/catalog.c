/* catalog.c - what the worker told about its models. */
#include "jobs/internal.h"
#include "base/clock.h"
#include "base/json.h"
#include "log/log.h"
#include "worker/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void facts_free(sg_model_facts *f)
{
    if (!f)
        return;
    free(f->card);
    free(f->panel);
    free(f);
}

static sg_status keep_json(const json_t *message, const char *member, char **text, size_t *n, char tag[SG_HEX_TEXT],
                           sg_err *err)
{
    json_t *j = json_object_get(message, member);
    *text = j ? sg_json_text(j, JSON_COMPACT) : NULL;
    if (!*text)
        return sg_fail(err, SG_FORMAT, "the worker's model has no %s", member);
    *n = strlen(*text);
    const sg_digest d = sg_sha256_of(*text, *n);
    sg_hex(d.b, sizeof d.b, tag);
    return SG_OK;
}

/* The facts told before, when they are the same: pointers handed out stay the ones in use. */
static sg_model_facts *known(sg_jobs *j, const sg_model_facts *f)
{
    for (int i = 0; i < j->n_facts; i++)
        if (!strcmp(j->facts[i]->id, f->id) && !strcmp(j->facts[i]->digest, f->digest) &&
            !strcmp(j->facts[i]->card_tag, f->card_tag))
            return j->facts[i];
    return NULL;
}

sg_status sg_catalog_add(sg_lane *l, const json_t *message, sg_err *err)
{
    sg_jobs *j = l->jobs;
    sg_model_facts *f = calloc(1, sizeof *f);
    if (!f)
        return sg_fail(err, SG_NOMEM, "no memory for a model's card");
    (void)snprintf(f->id, sizeof f->id, "%s", sg_wire_text(message, "id"));
    (void)snprintf(f->digest, sizeof f->digest, "%s", sg_wire_text(message, "digest"));
    (void)snprintf(f->trait, sizeof f->trait, "%s", sg_wire_text(message, "trait"));
    f->n_label = sg_wire_number(message, "n_label", 0);
    f->n_snp = sg_wire_number(message, "n_snp", 0);
    sg_status st = keep_json(message, "card", &f->card, &f->n_card, f->card_tag, err);
    if (!st)
        st = keep_json(message, "panel", &f->panel, &f->n_panel, f->panel_tag, err);
    sg_model_facts *had = st ? NULL : known(j, f);
    if (!st && !had && (j->n_facts == FACTS_MAX || l->n_fresh == SG_CONFIG_MODELS))
        st = sg_fail(err, SG_LIMIT, "too many models");
    if (st || had)
        facts_free(f);
    if (st)
        return st;
    if (!had) {
        (void)pthread_mutex_lock(&j->lock);
        j->facts[j->n_facts++] = f;
        (void)pthread_mutex_unlock(&j->lock);
        st = sg_store_model_seen(j->store, f->id, f->digest, f->trait, sg_clock_wall_ms(), err);
    }
    l->fresh[l->n_fresh++] = had ? had : f;
    return st;
}

void sg_catalog_publish(sg_lane *l)
{
    sg_jobs *j = l->jobs;
    (void)pthread_mutex_lock(&j->lock);
    memcpy(j->current, l->fresh, sizeof j->current);
    j->n_current = l->n_fresh;
    j->knew_models = true;
    (void)pthread_mutex_unlock(&j->lock);
}

void sg_catalog_free(sg_jobs *j)
{
    for (int i = 0; i < j->n_facts; i++)
        facts_free(j->facts[i]);
    j->n_facts = j->n_current = 0;
}

const sg_model_facts *sg_jobs_model_at(sg_jobs *j, int i)
{
    (void)pthread_mutex_lock(&j->lock);
    const sg_model_facts *f = i >= 0 && i < j->n_current ? j->current[i] : NULL;
    (void)pthread_mutex_unlock(&j->lock);
    return f;
}

const sg_model_facts *sg_jobs_model(sg_jobs *j, const char *id)
{
    const sg_model_facts *f;
    for (int i = 0; (f = sg_jobs_model_at(j, i)); i++)
        if (!strcmp(f->id, id))
            return f;
    return NULL;
}
