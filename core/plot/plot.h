/* plot.h - small charts as inline SVG: no scripts, no fonts, nothing from outside.
 *
 * Shape:   one sg_plot is one <svg>; things are drawn in the order of the calls and cut to the frame.
 * Units:   data coordinates inside the frame; sizes in pixels.
 * Owner:   the caller owns the buffer and every array.
 * Threads: one plot, one thread.
 * Not here: what is drawn (evaluate/).
 *
 * The first error sticks: calls after it do nothing, sg_plot_end returns it. Numbers are written with two decimals of a
 * pixel, so the same data give the same bytes.
 */
#ifndef SG_PLOT_PLOT_H
#define SG_PLOT_PLOT_H

#include "base/file.h"

typedef struct sg_plot_frame {
    const char *title, *x, *y; /* plain text, escaped here */
    double width, height;      /* of the whole picture; 0: 380 x 300 */
    double x0, x1, y0, y1;     /* the frame; x0 < x1, y0 < y1, else one is made around the middle */
    bool bare;                 /* no ticks: maps and clouds */
} sg_plot_frame;

typedef struct sg_plot {
    sg_buf *b;
    sg_err *err;
    sg_status st;
    sg_plot_frame f;
    double left, right, top, bottom; /* the frame in pixels */
    int n_legend;
} sg_plot;

void sg_plot_begin(sg_plot *p, sg_buf *b, const sg_plot_frame *frame, sg_err *err);
sg_status sg_plot_end(sg_plot *p) SG_MUST_USE;

/* Points that are not finite are left out, of a line with a gap. colour: any CSS colour; size and width in pixels;
 * dash: "" or "4 3". */
void sg_plot_points(sg_plot *p, const double *x, const double *y, int64_t n, const char *colour, double size,
                    double opacity);
void sg_plot_line(sg_plot *p, const double *x, const double *y, int64_t n, const char *colour, double width,
                  const char *dash);

/* Bars from edge [n + 1] and height [n]: filled, or the outline alone. */
void sg_plot_bars(sg_plot *p, const double *edge, const double *height, int64_t n, const char *colour, bool filled);

/* A square map of n x n values 0..full that fills the frame (row 0 on top), in ten shades of one colour; below a fiftieth
 * of full nothing is drawn. */
void sg_plot_map(sg_plot *p, const float *value, int64_t n, float full, int red, int green, int blue);

/* A hexagon of radius r (data units along x) or a circle of radius r at (x, y). */
void sg_plot_hexagon(sg_plot *p, double x, double y, double r, const char *colour, double opacity);
void sg_plot_circle(sg_plot *p, double x, double y, double r, const char *colour, double opacity);

/* One more line of the legend in the corner: 0 upper left, 1 upper right, 2 lower right; dash as of lines. */
void sg_plot_legend(sg_plot *p, int corner, const char *text, const char *colour, const char *dash);

/* Text for HTML or SVG, with the characters that would be markup escaped. LIMIT, NOMEM. */
sg_status sg_html_add(sg_buf *b, const char *text, sg_err *err) SG_MUST_USE;

#endif
