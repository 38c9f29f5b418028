/* sandbox.c - see sandbox.h. Raw system calls: Debian 12's libc has no wrappers, its headers know Landlock 1 and 2. */
#include "worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ_ONLY (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define V1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1) /* every right of the first version */
#define TRUNCATE (1ULL << 14)                       /* since version 3, unknown to the headers */

static sg_status allow(int rules, const char *path, uint64_t rights, sg_err *err)
{
    const int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return SG_OK; /* what is not there needs no right */
    struct stat s;
    if (!fstat(fd, &s) && !S_ISDIR(s.st_mode))
        rights &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE;
    const struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
    const long bad = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    const int e = errno;
    (void)close(fd);
    return bad ? sg_fail(err, SG_IO, "%s: cannot be allowed by Landlock: %s", path, strerror(e)) : SG_OK;
}

sg_status sg_sandbox_files(const sg_sandbox_path *paths, int n, bool *held, sg_err *err)
{
    static const char *const always[] = {"/lib",
                                         "/lib64",
                                         "/usr/lib",
                                         "/usr/lib64",
                                         "/usr/share/zoneinfo",
                                         "/etc/localtime",
                                         "/dev/urandom",
                                         "/dev/null",
                                         "/sys/devices/system/cpu",
                                         "/sys/fs/cgroup",
                                         "/proc/self",
                                         "/proc/cpuinfo",
                                         "/proc/meminfo",
                                         "/etc/ld.so.cache"};
    *held = false;
    const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return SG_OK;
    uint64_t all = V1;
    if (version >= 2)
        all |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        all |= TRUNCATE;
    const struct landlock_ruleset_attr attr = {.handled_access_fs = all};
    const int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (rules < 0)
        return sg_fail(err, SG_IO, "Landlock refuses a set of rules: %s", strerror(errno));
    sg_status st = SG_OK;
    for (size_t i = 0; !st && i < sizeof always / sizeof always[0]; i++)
        st = allow(rules, always[i], READ_ONLY, err);
    for (int i = 0; !st && i < n; i++)
        st = allow(rules, paths[i].path, paths[i].write ? all & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE : READ_ONLY, err);
    if (!st && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        st = sg_fail(err, SG_IO, "cannot give up new privileges: %s", strerror(errno));
    if (!st && syscall(SYS_landlock_restrict_self, rules, 0))
        st = sg_fail(err, SG_IO, "Landlock cannot be entered: %s", strerror(errno));
    (void)close(rules);
    *held = !st;
    return st;
}

sg_status sg_sandbox_calls(sg_err *err)
{
#if defined(__x86_64__)
    enum { ARCH = AUDIT_ARCH_X86_64 };
#elif defined(__aarch64__)
    enum { ARCH = AUDIT_ARCH_AARCH64 };
#endif
#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define DENY(call)                                                                                                     \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
    struct sock_filter code[] = {LOAD(arch),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                                 LOAD(nr),
                                 DENY(socket),
                                 DENY(connect),
                                 DENY(bind),
                                 DENY(listen),
                                 DENY(execve),
                                 DENY(execveat),
                                 DENY(ptrace),
                                 DENY(process_vm_readv),
                                 DENY(process_vm_writev),
                                 DENY(bpf),
                                 DENY(io_uring_setup),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const struct sock_fprog program = {sizeof code / sizeof code[0], code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return sg_fail(err, SG_INTERNAL, "the kernel refuses the system call filter: %s", strerror(errno));
    return SG_OK;
}
