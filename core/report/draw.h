/* draw.h - what the page and its plots share. Private to core/report.
 *
 * Shape:   every function writes a piece of HTML into a buffer.
 * Units:   -
 * Owner:   the caller's buffer.
 * Threads: one page, one thread.
 * Not here: figures.
 */
#ifndef SG_REPORT_DRAW_H
#define SG_REPORT_DRAW_H

#include "evaluate/inside.h"

/* The colour of a column in every plot, safe for the colour-blind (Okabe and Ito). */
const char *sg_column_colour(sg_column c);
#define SG_COLOUR_REAL "#0072b2"
#define SG_COLOUR_SYNTHETIC "#d55e00"

/* One or two pictures each; nothing where there is nothing to show. LIMIT, NOMEM. */
sg_status sg_draw_frequencies(const sg_evaluation *e, sg_buf *b, sg_err *err) SG_MUST_USE;
sg_status sg_draw_linkage(const sg_evaluation *e, sg_buf *b, sg_err *err) SG_MUST_USE;
sg_status sg_draw_clouds(const sg_evaluation *e, sg_buf *b, sg_err *err) SG_MUST_USE;
sg_status sg_draw_curves(const sg_evaluation *e, sg_buf *b, sg_err *err) SG_MUST_USE;
sg_status sg_draw_effects(const sg_evaluation *e, sg_buf *b, sg_err *err) SG_MUST_USE;
sg_status sg_draw_distances(const sg_evaluation *e, sg_buf *b, sg_err *err) SG_MUST_USE;
sg_status sg_draw_training(const sg_evaluation *e, sg_buf *b, sg_err *err) SG_MUST_USE;

#endif
