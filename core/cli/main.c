/* main.c - snpgen: finds the subcommand and steps aside. */
#include "cli/cli.h"
#include "crypto/crypto.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *help;
    int (*run)(int, char **);
} command[] = {
#define X(name, help) {#name, help, sg_cmd_##name},
    SG_COMMANDS(X)
#undef X
};
enum { N_COMMAND = sizeof command / sizeof *command };

int sg_cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)printf("snpgen %s\n", SG_VERSION);
    return SG_EXIT_OK;
}

static void help(FILE *to)
{
    (void)fprintf(
        to, "snpgen %s - synthetic genotypes that carry a disease\n\nusage: snpgen COMMAND [--help] [options]\n\n",
        SG_VERSION);
    for (int i = 0; i < N_COMMAND; i++)
        (void)fprintf(to, "  %-10s %s\n", command[i].name, command[i].help);
}

int main(int argc, char **argv)
{
    sg_process_harden();
    if (argc < 2) {
        help(stderr);
        return SG_EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        help(stdout);
        return SG_EXIT_OK;
    }
    if (!strcmp(argv[1], "--version"))
        return sg_cmd_version(argc - 1, argv + 1);
    for (int i = 0; i < N_COMMAND; i++)
        if (!strcmp(argv[1], command[i].name))
            return command[i].run(argc - 1, argv + 1);
    (void)fprintf(stderr, "snpgen: unknown command \"%s\"; snpgen --help lists them\n", argv[1]);
    return SG_EXIT_USAGE;
}
