/* main.c - snpgend-worker: started by the daemon's nursery with its socket as descriptor 3. */
#include "worker/nursery.h"
#include "worker/worker.h"

#include <stdio.h>
#include <sys/socket.h>

int main(void)
{
    int kind = 0;
    socklen_t n = sizeof kind;
    if (getsockopt(SG_WORKER_FD, SOL_SOCKET, SO_TYPE, &kind, &n)) {
        (void)fputs("snpgend-worker is started by snpgend, not by hand\n", stderr);
        return 2;
    }
    return sg_worker_main(SG_WORKER_FD);
}
