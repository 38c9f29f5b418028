/* What a confined process can still open; the nursery; messages between processes. */
#include "files.h"
#include "worker/nursery.h"
#include "worker/sandbox.h"
#include "worker/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* In a child: after the sandbox of the HTTP process, which of these can be opened? Bit 0: held at all. */
static int confined(const char *data, const char *secret)
{
    bool held;
    sg_err err = {0};
    char path[UNIT_PATH + 32];
    const sg_sandbox_path mine[] = {{data, true}};
    if (sg_sandbox_files(mine, 1, &held, &err))
        return 255;
    if (!held)
        return 0;
    int bits = 1;
    (void)snprintf(path, sizeof path, "%s/new", data);
    const int made = open(path, O_CREAT | O_RDWR, 0600);
    if (made >= 0 && write(made, "x", 1) == 1 && !unlink(path))
        bits |= 2;
    (void)snprintf(path, sizeof path, "%s/reference.enc", secret);
    if (open(path, O_RDONLY) >= 0)
        bits |= 4;
    (void)snprintf(path, sizeof path, "%s/reference.key", secret);
    if (open(path, O_RDONLY) >= 0)
        bits |= 8;
    (void)snprintf(path, sizeof path, "%s/written", secret);
    if (open(path, O_CREAT | O_WRONLY, 0600) >= 0)
        bits |= 16;
    if (open("/etc/passwd", O_RDONLY) >= 0)
        bits |= 32;
    return bits;
}

START_TEST(the_http_process_reaches_its_data_and_neither_models_nor_keys)
{
    char data[UNIT_PATH], secret[UNIT_PATH], path[UNIT_PATH];
    int how;
    unit_dir(data);
    unit_dir(secret);
    put_file(path, secret, "reference.enc", "people");
    put_file(path, secret, "reference.key", "key");
    const pid_t pid = fork();
    if (pid == 0)
        _exit(confined(data, secret));
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    ck_assert(WIFEXITED(how));
    if (WEXITSTATUS(how) == 0)
        (void)printf("SKIP: this kernel offers no Landlock\n");
    else
        ck_assert_int_eq(WEXITSTATUS(how), 1 | 2);
    unit_dir_remove(data);
    unit_dir_remove(secret);
}
END_TEST

START_TEST(the_worker_can_neither_open_sockets_nor_run_programs)
{
    int how;
    const pid_t pid = fork();
    if (pid == 0) {
        sg_err err = {0};
        char name[] = "true", *argv[] = {name, NULL};
        if (sg_sandbox_calls(&err))
            _exit(1);
        if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM)
            _exit(2);
        if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM)
            _exit(3);
        (void)execv("/bin/true", argv);
        _exit(errno == EPERM ? 0 : 4);
    }
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    ck_assert(WIFEXITED(how));
    ck_assert_int_eq(WEXITSTATUS(how), 0);
}
END_TEST

static void pair_of(int two[2])
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, two), 0);
}

START_TEST(messages_arrive_whole_and_nonsense_is_refused)
{
    int two[2];
    sg_err err = {0};
    json_t *m = json_pack("{s:s,s:I}", "type", "job", "n", (json_int_t)7), *back;
    pair_of(two);
    ck_ok(sg_wire_send(two[0], m, &err), err);
    ck_ok(sg_wire_receive(two[1], 1000, &back, &err), err);
    ck_assert_str_eq(sg_wire_text(back, "type"), "job");
    ck_assert_int_eq(sg_wire_number(back, "n", 0), 7);
    ck_assert_str_eq(sg_wire_text(back, "n"), "");
    ck_assert_int_eq(sg_wire_number(back, "type", -1), -1);
    json_decref(back);
    json_decref(m);
    ck_ok(sg_wire_receive(two[1], 10, &back, &err), err); /* nothing came: that is no error */
    ck_assert_ptr_null(back);
    static const struct {
        const char *bytes;
        size_t n;
        sg_status want;
    } bad[] = {{"\x00\x00\x00\x00", 4, SG_LIMIT},
               {"\xff\xff\xff\xff", 4, SG_LIMIT},
               {"\x02\x00\x00\x00[]", 6, SG_FORMAT},
               {"\x01\x00\x00\x00{", 5, SG_FORMAT},
               {"\x0d\x00\x00\x00{\"a\":1,\"a\":2}", 17, SG_FORMAT}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(send(two[0], bad[i].bytes, bad[i].n, 0), (ssize_t)bad[i].n);
        ck_assert_int_eq(sg_wire_receive(two[1], 1000, &back, &err), bad[i].want);
        ck_assert_ptr_null(back);
    }
    (void)close(two[0]);
    ck_assert_int_eq(sg_wire_receive(two[1], 1000, &back, &err), SG_NOT_FOUND);
    (void)close(two[1]);
}
END_TEST

START_TEST(the_nursery_starts_one_worker_at_a_time_and_takes_it_along_when_it_goes)
{
    char dir[UNIT_PATH], program[UNIT_PATH], text[64] = "";
    sg_err err = {0};
    sg_nursery n;
    int fd, fd2, last;
    pid_t pid, pid2;
    unit_dir(dir);
    put_file(program, dir, "worker", "#!/bin/sh\necho hello >&3\nexec cat <&3 >/dev/null\n");
    ck_assert_int_eq(sg_nursery_open(program, "", &n, &err), SG_NOT_FOUND); /* not executable */
    ck_assert_int_eq(chmod(program, 0700), 0);
    ck_ok(sg_nursery_open(program, "/etc/hostname", &n, &err), err);
    char now[8] = "";
    ck_ok(sg_nursery_config(&n, &fd, &err), err);
    ck_assert_int_gt(read(fd, now, sizeof now - 1), 0);
    (void)close(fd);
    ck_ok(sg_nursery_start(&n, 0, &fd, &pid, &last, &err), err);
    ck_assert_int_eq(last, -1);
    ck_assert_int_gt(read(fd, text, sizeof text), 0);
    ck_assert_int_eq(strncmp(text, "hello", 5), 0);
    ck_ok(sg_nursery_start(&n, 0, &fd2, &pid2, &last, &err), err);
    ck_assert(WIFSIGNALED(last) && WTERMSIG(last) == SIGKILL);
    ck_assert_int_eq(kill(pid, 0), -1);
    ck_assert_int_eq(read(fd2, text, sizeof text), 6);
    ck_ok(sg_nursery_kill(&n, 0, &err), err);
    ck_assert_int_eq(read(fd2, text, sizeof text), 0); /* end of file */
    ck_ok(sg_nursery_start(&n, 0, &fd2, &pid2, &last, &err), err);
    sg_nursery_close(&n);
    ck_assert_int_eq(kill(pid2, 0), -1);
    (void)close(fd);
    (void)close(fd2);
    unit_dir_remove(dir);
}
END_TEST

UNIT_MAIN("server_sandbox", the_http_process_reaches_its_data_and_neither_models_nor_keys,
          the_worker_can_neither_open_sockets_nor_run_programs, messages_arrive_whole_and_nonsense_is_refused,
          the_nursery_starts_one_worker_at_a_time_and_takes_it_along_when_it_goes)
