/* prepare_inside.h - what prepare.c and prepare_report.c share; nobody else includes it. */
#ifndef SG_PANEL_PREPARE_INSIDE_H
#define SG_PANEL_PREPARE_INSIDE_H

#include "panel/prepare.h"

#include <jansson.h>

/* prepare.json without the members sg_dataset_save adds. NULL when there is no memory. */
json_t *sg_prepare_about(const sg_prepare_options *o, const sg_prepare_report *rep);

/* Adds {"role": {"file": base name, "sha256": hex}} for a file that was read. */
sg_status sg_prepare_about_input(json_t *inputs, const char *role, const char *path, sg_err *err) SG_MUST_USE;

/* "no SNP is left: 14062 in the .bim, of which 14000 not in the summary statistics; ..." */
sg_status sg_prepare_nothing_left(const sg_prepare_report *rep, sg_err *err);

#endif
