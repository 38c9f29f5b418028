/* hub.h - what wakes a sleeping request: topics, and how many streams may be open.
 *
 * Shape:   a job's id, an owner or "all" is a topic; hub.c names topics as the database's events come in.
 * Units:   -
 * Owner:   sg_hub_open/_close (routes.h).
 * Threads: safe.
 * Not here: what a stream says (events.c), how a request sleeps (http/sleep.c).
 */
#ifndef SG_SERVER_ROUTES_HUB_H
#define SG_SERVER_ROUTES_HUB_H

#include "routes/routes.h"

uint64_t sg_hub_job(const char *id);
uint64_t sg_hub_owner(const char *owner);
uint64_t sg_hub_all(void);

/* One more stream of this owner; false when it or the service has too many. Each true is followed by one leave. */
bool sg_hub_enter(sg_hub *h, const char *owner) SG_MUST_USE;
void sg_hub_leave(sg_hub *h, const char *owner);

#endif
