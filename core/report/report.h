/* report.h - an evaluation as JSON, as one HTML page, and as a table for a terminal.
 *
 * Shape:   sg_evaluation (evaluate/) -> text.
 * Units:   as evaluate/figures.h.
 * Owner:   the caller's buffer.
 * Threads: an evaluation is const; one buffer, one thread.
 * Not here: figures (evaluate/), charts (plot/).
 */
#ifndef SG_REPORT_REPORT_H
#define SG_REPORT_REPORT_H

#include "base/file.h"
#include "evaluate/evaluate.h"

/* NOMEM; LIMIT: longer than the buffer may become. */
sg_status sg_evaluation_json(const sg_evaluation *e, sg_buf *b, sg_err *err) SG_MUST_USE;

/* One page with its plots as inline SVG and nothing from outside. */
sg_status sg_evaluation_html(const sg_evaluation *e, sg_buf *b, sg_err *err) SG_MUST_USE;

/* Every figure by column, then where baselines do better and what could not be measured. */
sg_status sg_evaluation_text(const sg_evaluation *e, sg_buf *b, sg_err *err) SG_MUST_USE;

#endif
