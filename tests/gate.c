/* gate.c - preloaded into appcenter-job by tests: each line of progress waits for the gate, before it is written and behind.
 *
 * tests/gate.py compiles it and listens on the abstract socket that TEST_GATE names. Nothing of the product knows of it: the
 * job's own write(2) to its standard output is what it hooks on. Without a listener everything is as ever.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef ssize_t (*WriteFunction)(int fd, const void *bytes, size_t len);

static WriteFunction real_write;
static int gate = -1;

static int is_job(void)
{
    return strcmp(program_invocation_short_name, "appcenter-job") == 0;
}

static void connect_gate(void)
{
    const char *name = getenv("TEST_GATE");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = name ? strlen(name) : 0;
    if (!len || len >= sizeof address.sun_path - 1 || !is_job())
        return;
    memcpy(address.sun_path + 1, name, len); /* behind a NUL: the abstract name space */
    gate = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (gate < 0)
        return;
    if (connect(gate, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) != 0) {
        close(gate);
        gate = -1;
    }
}

__attribute__((constructor)) static void begin(void)
{
    real_write = (WriteFunction)(intptr_t)dlsym(RTLD_NEXT, "write");
    connect_gate();
}

static int send_all(const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = send(gate, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        at += n;
        len -= (size_t)n;
    }
    return 1;
}

/* Blocks until the gate lets us go on, whatever signals come; a gate that is gone holds nobody. */
static void ask(char when, const void *line, size_t len)
{
    uint32_t size = (uint32_t)len;
    char answer;
    int before = errno;
    if (gate >= 0 && send_all(&when, 1) && send_all(&size, sizeof size) && send_all(line, len))
        while (recv(gate, &answer, 1, 0) < 0 && errno == EINTR)
            continue;
    errno = before;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    if (fd != STDOUT_FILENO || gate < 0)
        return real_write(fd, bytes, len);
    ask('b', bytes, len);
    ssize_t written = real_write(fd, bytes, len);
    ask('a', bytes, len);
    return written;
}
