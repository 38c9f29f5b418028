/* notify.h - what systemd hears of us and gives us: ready, stopping, alive, and sockets it opened.
 *
 * Shape:   one datagram of KEY=VALUE lines to $NOTIFY_SOCKET; $LISTEN_FDS descriptors from 3 on.
 * Units:   microseconds, as systemd has them.
 * Owner:   process-wide.
 * Threads: sg_notify is safe; open before threads start.
 * Not here: when to say what (main.c).
 * Source:  sd_notify(3), sd_listen_fds(3): the protocols are small and documented, so no library.
 */
#ifndef SG_SERVER_LOG_NOTIFY_H
#define SG_SERVER_LOG_NOTIFY_H

#include "base/status.h"

/* Connects to $NOTIFY_SOCKET, when there is one, before a sandbox closes over its path. */
void sg_notify_open(void);
/* "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..."; nothing happens outside systemd. */
void sg_notify(const char *fmt, ...) SG_PRINTF(1, 2);
/* How often systemd wants to hear WATCHDOG=1, 0: not at all. */
int64_t sg_notify_watchdog_us(void);
/* The listening socket that systemd opened for us (the first one), -1: none. Marked close-on-exec. */
int sg_notify_listen_fd(void);

#endif
