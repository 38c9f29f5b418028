/* toml.h - TOML as a list of values with their lines, so that C can read it: the one door to toml++.
 *
 * Shape:   one call per scalar: "http.port", "model[0].path"; dates and other rare things are kind SG_TOML_OTHER.
 * Units:   lines from 1.
 * Owner:   key and text are the reader's during the call.
 * Threads: safe.
 * Not here: what keys mean (policy/ here, config/ of the server).
 */
#ifndef SG_TOML_TOML_H
#define SG_TOML_TOML_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sg_toml_kind { SG_TOML_TEXT, SG_TOML_INT, SG_TOML_FLAG, SG_TOML_REAL, SG_TOML_OTHER } sg_toml_kind;

typedef struct sg_toml_value {
    const char *key;
    sg_toml_kind kind;
    const char *text; /* of TEXT, else "" */
    int64_t number;   /* of INT; FLAG 0 or 1 */
    double real;      /* of REAL and of INT */
    int line;
} sg_toml_value;

/* Returns 0 to go on; anything else stops the walk and is returned by sg_toml_walk. */
typedef int sg_toml_fn(void *ctx, const sg_toml_value *v);

/* -1: not TOML; words [n_words] and *line say why and where. Otherwise what the last call of fn returned. */
int sg_toml_walk(const char *toml, size_t n, sg_toml_fn *fn, void *ctx, char *words, size_t n_words, int *line);

/* The same with errors as everywhere else; fn returns an sg_status and has described it in err. FORMAT: not TOML, or a
 * byte outside ASCII; the message begins with "<name> line N: ". */
sg_status sg_toml_read(const char *name, const char *toml, size_t n, sg_toml_fn *fn, void *ctx,
                       sg_err *err) SG_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
