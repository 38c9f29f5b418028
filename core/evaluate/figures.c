/* figures.c - see figures.h. */
#include "evaluate/figures.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *sg_column_name(sg_column c)
{
    static const char *const name[] = {
#define X(n, word, what) word,
        SG_COLUMNS(X)
#undef X
    };
    return name[c];
}

const char *sg_column_words(sg_column c)
{
    static const char *const words[] = {
#define X(n, word, what) what,
        SG_COLUMNS(X)
#undef X
    };
    return words[c];
}

const char *sg_figure_group_name(sg_figure_group g)
{
    static const char *const name[] = {
#define X(n, word) word,
        SG_GROUPS(X)
#undef X
    };
    return name[g];
}

static const struct {
    const char *name, *words;
    sg_figure_group group;
    double ideal;
} about[] = {
#define X(n, word, g, best, w) {word, w, SG_GROUP_OF_##g, best},
    SG_FIGURES(X)
#undef X
};

const char *sg_figure_name(sg_figure f)
{
    return about[f].name;
}

const char *sg_figure_words(sg_figure f)
{
    return about[f].words;
}

sg_figure_group sg_figure_group_of(sg_figure f)
{
    return about[f].group;
}

const sg_row *sg_rows_find(const sg_rows *rows, sg_figure f, const char *of)
{
    for (int i = 0; i < rows->n; i++)
        if (rows->row[i].figure == f && !strcmp(rows->row[i].of, of ? of : ""))
            return &rows->row[i];
    return NULL;
}

void sg_rows_put(sg_rows *rows, sg_figure f, const char *of, sg_column c, sg_estimate x)
{
    sg_row *r = NULL;
    char name[SG_ROW_OF];
    (void)snprintf(name, sizeof name, "%s", of ? of : "");
    for (int i = 0; i < rows->n && !r; i++)
        if (rows->row[i].figure == f && !strcmp(rows->row[i].of, name))
            r = &rows->row[i];
    if (!r) {
        assert(rows->n < SG_ROW_MAX); /* 16 labels stay far below */
        r = &rows->row[rows->n++];
        *r = (sg_row){.figure = f};
        memcpy(r->of, name, sizeof name);
    }
    r->at[c] = x;
    r->has[c] = isfinite(x.value);
}

void sg_rows_put_ahead(sg_rows *rows, sg_figure f, const char *of, sg_column c, sg_estimate x)
{
    for (int i = 0; i < rows->n; i++)
        if (rows->row[i].figure == f && !strcmp(rows->row[i].of, of)) {
            rows->row[i].ahead[c] = x;
            rows->row[i].paired[c] = isfinite(x.value);
        }
}

double sg_row_ideal(const sg_row *r)
{
    const double x = about[r->figure].ideal;
    if (x == SG_AS_HELD)
        return r->has[SG_COLUMN_HELD_OUT] ? r->at[SG_COLUMN_HELD_OUT].value : (double)NAN;
    if (x == SG_AS_REAL)
        return r->has[SG_COLUMN_REAL] ? r->at[SG_COLUMN_REAL].value : (double)NAN;
    return x == SG_MOST ? (double)INFINITY : x;
}

double sg_row_miss(const sg_row *r, sg_column c)
{
    const double ideal = sg_row_ideal(r), x = r->has[c] ? r->at[c].value : (double)NAN;
    return isinf(ideal) ? -x : fabs(x - ideal);
}
