/* malloc.c - preloaded by tests: memory that is not there, at the N-th request of one program, once or from then on.
 *
 * tests/fault/test_malloc.py compiles it and holds the other end of the shared page that TEST_MALLOC names: it counts
 * there, and arms it there, also while the program runs. From then on means in that process: the next one has memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Plan {
    uint64_t count;    /* requests so far, of every process of that program */
    uint64_t fail_at;  /* 0: none */
    uint64_t for_ever; /* every later one of that process, too */
    uint64_t failed;   /* how many were refused */
    uint64_t pid;      /* of whom the first was */
    char program[88];
} Plan;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static Plan *plan;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("TEST_MALLOC");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    Plan *page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (page != MAP_FAILED && strcmp(page->program, program_invocation_short_name) == 0)
        plan = page;
}

static int is_refused(void)
{
    if (!plan)
        return 0;
    uint64_t number = __atomic_add_fetch(&plan->count, 1, __ATOMIC_SEQ_CST);
    if (!plan->fail_at || number < plan->fail_at)
        return 0;
    if (number == plan->fail_at)
        plan->pid = (uint64_t)getpid();
    else if (!plan->for_ever || plan->pid != (uint64_t)getpid())
        return 0;
    __atomic_add_fetch(&plan->failed, 1, __ATOMIC_SEQ_CST);
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return is_refused() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return size && is_refused() ? NULL : __libc_realloc(old, size);
}
