/* files.h - the text files of a simulation; private to core/simulate. IO, LIMIT (path too long). */
#ifndef SG_SIMULATE_FILES_H
#define SG_SIMULATE_FILES_H

#include "simulate/cohort.h"

#include <limits.h>
#include <stdio.h>

/* o->out with an ending. */
sg_status sg_simulate_path(const sg_simulate_options *o, const char *ending, char out[PATH_MAX],
                           sg_err *err) SG_MUST_USE;
/* "\t" and a number, or NA. */
void sg_simulate_put(FILE *f, double x);

sg_status sg_simulate_people(const sg_simulate_options *o, const sg_population *p, const sg_drawn *d,
                             sg_err *err) SG_MUST_USE; /* .fam, .pheno, .covar */
sg_status sg_simulate_truth(const sg_simulate_options *o, const sg_population *p, const sg_simulate_report *r,
                            sg_err *err) SG_MUST_USE; /* .truth.tsv, .pairs.tsv */

#endif
