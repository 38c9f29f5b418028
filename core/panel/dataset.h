/* dataset.h - writing the folder that sg_dataset_load (panel.h) reads.
 *
 * Shape:   panel.tsv, genotypes.snpz, split.tsv, prepare.json.
 *          split.tsv: FID IID label role half audit; half is calib or eval for test people and - for others; audit is 1
 *          where a coin chose between train and test, else 0. Format 1 had the first four columns; it is still read.
 * Units:   -
 * Owner:   the steward: the folder is 0700, and all but panel.tsv is 0600, because these are real people.
 * Threads: one call, one thread.
 * Not here: how the people and SNPs were chosen (prepare.h).
 */
#ifndef SG_PANEL_DATASET_H
#define SG_PANEL_DATASET_H

#include "panel/panel.h"

#include <jansson.h>

enum { SG_DATASET_FORMAT = 2 }; /* 1: no marks; what is saved without marks is of format 1 */

/* Fills ds->digest. `id` [n_sample][2]: FID and IID. `about`: the members of prepare.json that only the caller knows;
 * format, labels, trait, prevalence, files and digest are added to it. The folder appears whole or not at all. STATE
 * when dir exists; IO; NOMEM. */
sg_status sg_dataset_save(const char *dir, sg_dataset *ds, const char *const (*id)[2], json_t *about,
                          sg_err *err) SG_MUST_USE;

#endif
