/* toml_shim.h - TOML as a list of (key, value, line), so that C can read it.
 *
 * Shape:   one call per scalar: "http.port", "model[0].path"; anything else than text, whole number or true/false is
 *          reported as kind SG_TOML_OTHER.
 * Units:   lines from 1.
 * Owner:   text and key are the shim's during the call.
 * Threads: safe.
 * Not here: what keys mean (config.c).
 */
#ifndef SG_SERVER_CONFIG_TOML_SHIM_H
#define SG_SERVER_CONFIG_TOML_SHIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sg_toml_kind { SG_TOML_TEXT, SG_TOML_INT, SG_TOML_FLAG, SG_TOML_OTHER } sg_toml_kind;

/* Returns 0 to go on; anything else stops the walk and is returned by sg_toml_walk. */
typedef int sg_toml_fn(void *ctx, const char *key, sg_toml_kind kind, const char *text, int64_t number, int line);

/* -1: not TOML; words [n_words] and *line say why and where. Otherwise what the last call of fn returned. */
int sg_toml_walk(const char *toml, size_t n, sg_toml_fn *fn, void *ctx, char *words, size_t n_words, int *line);

#ifdef __cplusplus
}
#endif

#endif
