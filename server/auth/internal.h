/* internal.h - what the files of auth/ share. */
#ifndef SG_SERVER_AUTH_INTERNAL_H
#define SG_SERVER_AUTH_INTERNAL_H

#include "auth/jwt.h"
#include "crypto/jws.h"

#include <jansson.h>

struct sg_jwks {
    int n;
    struct {
        char kid[128]; /* "": it has none */
        sg_jws_key *key;
    } row[SG_JWKS_KEYS];
};

/* What API keys ask of an owner's name. */
bool sg_auth_owner_ok(const char *s);

#endif
