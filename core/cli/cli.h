/* cli.h - what every subcommand of snpgen shares: options, threads, progress, errors, exit codes.
 *
 * Shape:   one file per subcommand; each exports `int sg_cmd_NAME(int argc, char **argv)` and stands in SG_COMMANDS.
 * Units:   -
 * Owner:   sg_cli by the subcommand (cli_begin/cli_end).
 * Threads: main thread only; SIGINT and SIGTERM set the stop flag of cli->run.
 * Not here: any science.
 */
#ifndef SG_CLI_CLI_H
#define SG_CLI_CLI_H

#include "base/run.h"

#include <stddef.h>

enum { SG_EXIT_OK = 0, SG_EXIT_FAILED = 1, SG_EXIT_USAGE = 2, SG_EXIT_WITHHELD = 3 };

typedef enum sg_opt_kind { SG_OPT_TEXT, SG_OPT_INT, SG_OPT_REAL, SG_OPT_FLAG } sg_opt_kind;

/* One option: --name VALUE or --name=VALUE. `out` holds the default and receives the value:
 * TEXT const char **, INT int64_t *, REAL double *, FLAG bool *. INT and REAL are checked against min..max. */
typedef struct sg_opt {
    const char *name;
    sg_opt_kind kind;
    void *out;
    double min, max;
    const char *value, *help; /* value: the word shown for VALUE in --help */
    bool required;
} sg_opt;

typedef struct sg_cli {
    const char *command; /* "prepare" */
    const char *usage;   /* the line after "snpgen", and a sentence on what the command does */
    bool json, quiet;
    int64_t threads, seed, memory_mib;
    sg_run run; /* stop flag, progress printer, pool */
    /* progress printer's memory */
    char stage[64];
    int64_t started_ns, shown_ns;
    int shown_percent;
    bool bar_open;
} sg_cli;

/* Parses argv into opts plus the common ones (--threads --seed --memory --json --quiet --help), installs signal
 * handlers, the logger, and makes the pool. Returns -1 to go on, otherwise the exit code to return (help shown, usage
 * error). */
int sg_cli_begin(sg_cli *cli, const char *command, const char *usage, const sg_opt *opts, int n_opt, int argc,
                 char **argv);

/* Ends progress, frees the pool, prints the error if any ("snpgen prepare: ...", or {"error":...} with --json), and
 * maps the status to an exit code. */
int sg_cli_end(sg_cli *cli, sg_status st, const sg_err *err);

/* The stop flag, for code that does not hold a cli. */
bool sg_cli_stopped(void);

/* name, what it does (one line of `snpgen --help`). Add a line when a file is added. */
#define SG_COMMANDS(X)                                                                                                 \
    X(simulate, "a cohort with linkage disequilibrium and known causal effects")                                       \
    X(prepare, "genotypes, phenotype and summary statistics -> a dataset folder")                                      \
    X(train, "a dataset folder -> a model bundle")                                                                     \
    X(import, "weights of the authors' code -> a model bundle")                                                        \
    X(generate, "a model -> a synthetic cohort")                                                                       \
    X(encode, "genotypes -> latents")                                                                                  \
    X(decode, "latents -> genotypes")                                                                                  \
    X(qualify, "may a model be served: attacks on its weights, a large audit of what it makes")                        \
    X(check, "the release gate alone, on a cohort in files")                                                           \
    X(verify, "a release folder against a public key: signature, digests, audit inclusion")                            \
    X(evaluate, "how like real people a model's or a file's synthetic people are")                                     \
    X(bench, "how fast this machine is, and how close the program comes")                                              \
    X(version, "print version and build")

#define X(name, help) int sg_cmd_##name(int argc, char **argv);
SG_COMMANDS(X)
#undef X

#endif
