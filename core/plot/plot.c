/* plot.c - see plot.h. */
#include "plot/plot.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

sg_status sg_html_add(sg_buf *b, const char *text, sg_err *err)
{
    for (const char *at = text; *at;) {
        const size_t plain = strcspn(at, "&<>\"'");
        SG_TRY(sg_buf_add(b, at, plain, err));
        at += plain;
        if (!*at)
            break;
        const char *as = *at == '&'   ? "&amp;"
                         : *at == '<' ? "&lt;"
                         : *at == '>' ? "&gt;"
                         : *at == '"' ? "&quot;"
                                      : "&#39;";
        SG_TRY(sg_buf_add(b, as, strlen(as), err));
        at++;
    }
    return SG_OK;
}

static void put(sg_plot *p, const char *fmt, ...) SG_PRINTF(2, 3);
static void put(sg_plot *p, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!p->st && n > 0)
        p->st = sg_buf_add(p->b, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, p->err);
}

static void put_text(sg_plot *p, const char *text)
{
    if (!p->st)
        p->st = sg_html_add(p->b, text, p->err);
}

static double px(const sg_plot *p, double x)
{
    return p->left + (x - p->f.x0) / (p->f.x1 - p->f.x0) * (p->right - p->left);
}

static double py(const sg_plot *p, double y)
{
    return p->bottom - (y - p->f.y0) / (p->f.y1 - p->f.y0) * (p->bottom - p->top);
}

/* 1, 2 or 5 times a power of ten, about n of them in the span. */
static double tick_step(double span, int n)
{
    const double raw = span / n, power = pow(10, floor(log10(raw))), f = raw / power;
    return power * (f < 1.5 ? 1 : f < 3.5 ? 2 : f < 7.5 ? 5 : 10);
}

static void ticks(sg_plot *p, bool across)
{
    const double from = across ? p->f.x0 : p->f.y0, to = across ? p->f.x1 : p->f.y1;
    const double step = tick_step(to - from, across ? 5 : 4);
    for (double k = ceil(from / step - 1e-9); k * step <= to + 1e-9 * step; k++) {
        const double x = fabs(k * step) < 1e-12 * step ? 0 : k * step;
        if (across)
            put(p,
                "<path d=\"M%.2f %.2fv4\" stroke=\"#888\"/><text x=\"%.2f\" y=\"%.2f\" "
                "text-anchor=\"middle\">%.6g</text>",
                px(p, x), p->bottom, px(p, x), p->bottom + 16, x);
        else
            put(p,
                "<path d=\"M%.2f %.2fH%.2f\" stroke=\"#e4e4e4\"/><text x=\"%.2f\" y=\"%.2f\" "
                "text-anchor=\"end\">%.6g</text>",
                p->left, py(p, x), p->right, p->left - 5, py(p, x) + 4, x);
    }
}

void sg_plot_begin(sg_plot *p, sg_buf *b, const sg_plot_frame *frame, sg_err *err)
{
    *p = (sg_plot){.b = b, .err = err, .f = *frame};
    sg_plot_frame *f = &p->f;
    f->width = f->width > 0 ? f->width : 380;
    f->height = f->height > 0 ? f->height : 300;
    if (!(f->x0 < f->x1) || !isfinite(f->x1 - f->x0)) {
        const double at = isfinite(f->x0) ? f->x0 : 0;
        f->x0 = at - 0.5;
        f->x1 = at + 0.5;
    }
    if (!(f->y0 < f->y1) || !isfinite(f->y1 - f->y0)) {
        const double at = isfinite(f->y0) ? f->y0 : 0;
        f->y0 = at - 0.5;
        f->y1 = at + 0.5;
    }
    p->left = f->bare ? 24 : 58;
    p->right = f->width - 10;
    p->top = 26;
    p->bottom = f->height - (f->bare ? 24 : 40);
    put(p, "<svg role=\"img\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" aria-label=\"", f->width,
        f->height, f->width, f->height);
    put_text(p, f->title);
    put(p, "\"><text class=\"t\" x=\"%.2f\" y=\"15\">", p->left);
    put_text(p, f->title);
    put(p, "</text>");
    if (!f->bare) {
        ticks(p, false);
        ticks(p, true);
    }
    put(p, "<text x=\"%.2f\" y=\"%.2f\" text-anchor=\"middle\">", (p->left + p->right) / 2, f->height - 6);
    put_text(p, f->x ? f->x : "");
    put(p, "</text><text transform=\"translate(12 %.2f) rotate(-90)\" text-anchor=\"middle\">",
        (p->top + p->bottom) / 2);
    put_text(p, f->y ? f->y : "");
    put(p, "</text><svg x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" viewBox=\"%.2f %.2f %.2f %.2f\">", p->left,
        p->top, p->right - p->left, p->bottom - p->top, p->left, p->top, p->right - p->left, p->bottom - p->top);
}

sg_status sg_plot_end(sg_plot *p)
{
    put(p, "</svg><rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"none\" stroke=\"#888\"/></svg>\n",
        p->left, p->top, p->right - p->left, p->bottom - p->top);
    return p->st;
}

void sg_plot_points(sg_plot *p, const double *x, const double *y, int64_t n, const char *colour, double size,
                    double opacity)
{
    put(p, "<path stroke=\"%s\" stroke-width=\"%.2f\" stroke-linecap=\"round\" stroke-opacity=\"%.2f\" d=\"", colour,
        size, opacity);
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i]) && isfinite(y[i]))
            put(p, "M%.1f %.1fh0", px(p, x[i]), py(p, y[i]));
    put(p, "\"/>");
}

void sg_plot_line(sg_plot *p, const double *x, const double *y, int64_t n, const char *colour, double width,
                  const char *dash)
{
    put(p, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%.2f\" stroke-dasharray=\"%s\" d=\"", colour, width, dash);
    bool down = false;
    for (int64_t i = 0; i < n; i++) {
        const bool here = isfinite(x[i]) && isfinite(y[i]);
        if (here)
            put(p, "%c%.2f %.2f", down ? 'L' : 'M', px(p, x[i]), py(p, y[i]));
        down = here;
    }
    put(p, "\"/>");
}

void sg_plot_bars(sg_plot *p, const double *edge, const double *height, int64_t n, const char *colour, bool filled)
{
    put(p, "<path fill=\"%s\" fill-opacity=\"0.35\" stroke=\"%s\" stroke-width=\"1.5\" d=\"M%.2f %.2f",
        filled ? colour : "none", colour, px(p, edge[0]), py(p, p->f.y0));
    for (int64_t i = 0; i < n; i++)
        put(p, "V%.2fH%.2f", py(p, isfinite(height[i]) ? height[i] : 0), px(p, edge[i + 1]));
    put(p, "V%.2f\"/>", py(p, p->f.y0));
}

void sg_plot_map(sg_plot *p, const float *value, int64_t n, float full, int red, int green, int blue)
{
    const double w = (p->right - p->left) / (double)n, h = (p->bottom - p->top) / (double)n;
    for (int shade = 0; shade < 10; shade++) { /* one path a shade; its cells in rows are one stroke each */
        const double part = (shade + 1) / 10.0;
        put(p, "<path fill=\"rgb(%d,%d,%d)\" d=\"", (int)lround(255 + part * (red - 255)),
            (int)lround(255 + part * (green - 255)), (int)lround(255 + part * (blue - 255)));
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0, from; j < n; j++) {
                for (from = j; j < n && value[i * n + j] >= 0.02F * full &&
                               (int)fmin(9, floor(10 * (double)value[i * n + j] / (double)full)) == shade;
                     j++)
                    ;
                if (j > from)
                    put(p, "M%.1f %.1fh%.1fv%.1fh%.1fz", p->left + (double)from * w, p->top + (double)i * h,
                        (double)(j - from) * w + 0.1, h + 0.1, -(double)(j - from) * w - 0.1);
            }
        put(p, "\"/>");
    }
}

void sg_plot_hexagon(sg_plot *p, double x, double y, double r, const char *colour, double opacity)
{
    const double pi = 3.14159265358979323846, rx = r / (p->f.x1 - p->f.x0) * (p->right - p->left),
                 ry = r / (p->f.y1 - p->f.y0) * (p->bottom - p->top);
    put(p, "<path fill=\"%s\" fill-opacity=\"%.2f\" d=\"", colour, opacity);
    for (int k = 0; k < 6; k++)
        put(p, "%c%.1f %.1f", k ? 'L' : 'M', px(p, x) + rx * sin(pi / 3 * k), py(p, y) - ry * cos(pi / 3 * k));
    put(p, "z\"/>");
}

void sg_plot_circle(sg_plot *p, double x, double y, double r, const char *colour, double opacity)
{
    put(p, "<ellipse cx=\"%.1f\" cy=\"%.1f\" rx=\"%.2f\" ry=\"%.2f\" fill=\"%s\" fill-opacity=\"%.2f\"/>", px(p, x),
        py(p, y), r / (p->f.x1 - p->f.x0) * (p->right - p->left), r / (p->f.y1 - p->f.y0) * (p->bottom - p->top),
        colour, opacity);
}

void sg_plot_legend(sg_plot *p, int corner, const char *text, const char *colour, const char *dash)
{
    const double lines = 14.0 * p->n_legend++, y = corner == 2 ? p->bottom - 10 - lines : p->top + 14 + lines;
    const bool right = corner != 0;
    const double x = right ? p->right - 8 : p->left + 8, far = right ? x - 18 : x + 18;
    put(p, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"%s\" stroke-width=\"3\" stroke-dasharray=\"%s\"/>", x, y - 4, far,
        colour, dash);
    put(p, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", right ? far - 4 : far + 4, y, right ? "end" : "start");
    put_text(p, text);
    put(p, "</text>");
}
