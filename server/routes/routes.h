/* routes.h - the service as HTTP: one handler per operation of api/openapi.yaml.
 *
 * Shape:   sg_routes, ended by a row whose method is NULL; the ctx of every handler is an sg_service.
 * Units:   -
 * Owner:   sg_service borrows everything.
 * Threads: handlers run on several threads at once.
 * Not here: what happens behind them (jobs/, release/), how HTTP is spoken (http/).
 */
#ifndef SG_SERVER_ROUTES_ROUTES_H
#define SG_SERVER_ROUTES_ROUTES_H

#include "http/http.h"
#include "jobs/jobs.h"

typedef struct sg_service {
    const sg_config *config;
    sg_store *store;
    sg_jobs *jobs;
    const sg_release_place *place;
} sg_service;

extern const sg_route sg_routes[];

#endif
