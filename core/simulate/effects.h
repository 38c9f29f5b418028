/* effects.h - which SNPs matter and how much; private to core/simulate. Shape, Units, Owner: cohort.h. */
#ifndef SG_SIMULATE_EFFECTS_H
#define SG_SIMULATE_EFFECTS_H

#include "simulate/cohort.h"

/* Draws or reads effects and pairs and scales them to h2. MISMATCH: no effect fits; LIMIT; NOMEM; as reading may. */
sg_status sg_effects_make(sg_population *p, const sg_simulate_options *o, sg_arena *a, sg_simulate_report *rep,
                          sg_err *err) SG_MUST_USE;

#endif
