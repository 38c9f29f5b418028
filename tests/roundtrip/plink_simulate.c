/* plink_simulate.c - one small simulated cohort for plink.sh: plink_simulate PREFIX */
#include "simulate/simulate.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    sg_err err = {0};
    sg_arena a = {0};
    sg_simulate_options o;
    sg_simulate_report rep;
    if (argc != 2)
        return 2;
    sg_status st = sg_arena_init(&a, (size_t)1 << 30, &err);
    if (!st)
        st = sg_simulate_preset("t2d", 501, 333, &o, &err);
    if (!st) {
        o.out = argv[1];
        o.missing = 0.02;
        o.case_fraction = 0.4;
        st = sg_simulate(&o, NULL, &a, &rep, &err);
    }
    if (st)
        (void)fprintf(stderr, "%s\n", err.msg);
    sg_arena_clear(&a);
    return st ? 1 : 0;
}
