/* verify.c - snpgen verify: a release folder against a public key, offline. */
#include "attest/release.h"
#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print(const sg_cli *cli, const char *dir, const sg_release_proof *p)
{
    char statement[SG_DIGEST_HEX];
    sg_hex(p->statement.b, SG_DIGEST_BYTES, statement);
    if (cli->json) {
        json_t *j = json_pack("{s:b,s:i,s:I,s:s,s:{s:I,s:s,s:s,s:I},s:O*}", "verified", 1, "files", p->n_file, "bytes",
                              (json_int_t)p->bytes, "statement_sha256", statement, "audit", "entry",
                              (json_int_t)p->entry, "time", p->at, "origin", p->checkpoint.origin, "log_size",
                              (json_int_t)p->checkpoint.size, "release", p->predicate);
        (void)json_dumpf(j, stdout, JSON_COMPACT);
        (void)putchar('\n');
        json_decref(j);
        return;
    }
    const char *job = json_string_value(json_object_get(p->predicate, "job"));
    (void)printf("%s: verified\n", dir);
    (void)printf("  job         %s\n", job ? job : "-");
    (void)printf("  files       %d, %" PRId64 " bytes, all as released and nothing else\n", p->n_file, p->bytes);
    (void)printf("  statement   sha256 %s, signed by this key\n", statement);
    (void)printf("  audit log   %s, entry %" PRId64 " of %" PRId64 ", %s\n", p->checkpoint.origin, p->entry,
                 p->checkpoint.size, p->at);
}

int sg_cmd_verify(int argc, char **argv)
{
    const char *dir = NULL, *key_path = NULL;
    const sg_opt opts[] = {
        {"release", SG_OPT_TEXT, &dir, 0, 0, "DIR", "the folder, when it is not the first argument", false},
        {"key", SG_OPT_TEXT, &key_path, 0, 0, "PUB",
         "the service's public key in PEM (GET /v1/audit/key, or signing.pub in its data folder)", true},
    };
    /* RELEASE_DIR may stand first, as in the manual of every other verifier. */
    const bool first = argc > 1 && strncmp(argv[1], "--", 2) != 0 && strcmp(argv[1], "-h") != 0;
    if (first) {
        dir = argv[1];
        argv[1] = argv[0];
        argv++;
        argc--;
    }
    sg_cli cli;
    sg_err err = {0};
    const int done = sg_cli_begin(&cli, "verify",
                                  "RELEASE_DIR --key PUB\n\nChecks a release offline: the manifest's signature, the "
                                  "digest of every file, that nothing was added,\nand that the release stands in the "
                                  "signed audit log.",
                                  opts, 2, argc, argv);
    if (done >= 0)
        return done;
    sg_signer *key = NULL;
    sg_release_proof proof = {0};
    sg_status st = dir ? SG_OK : sg_fail(&err, SG_LIMIT, "which folder? snpgen verify RELEASE_DIR --key PUB");
    if (!st)
        st = sg_signer_load_public(key_path, &key, &err);
    if (!st)
        st = sg_release_verify(dir, key, &proof, &err);
    if (!st)
        print(&cli, dir, &proof);
    json_decref(proof.predicate);
    sg_signer_free(key);
    const int code = sg_cli_end(&cli, st, &err);
    return !dir ? SG_EXIT_USAGE : code;
}
