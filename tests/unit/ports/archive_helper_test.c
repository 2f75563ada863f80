/* archive_helper_test.c - the helper process: what it may not do, and what the parent makes of one that misbehaves; and
 * the parent's look at a tree. */
#include "archive_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static gboolean take_nothing(guint8 type, const void *data, gsize len, gpointer user_data, GError **error)
{
    (void)data;
    (void)user_data;
    return error_set(error, APPCENTER_ERROR_CORRUPT, "frame %c of %d bytes", type, (int)len);
}

typedef gboolean (*Work)(Helper *helper, gpointer user_data, GError **error);

static gboolean run(Work work, gpointer user_data, int dir_fd, GError **error)
{
    g_auto(Fd) archive = memory_file("x", 1);
    const HelperSpec spec = {.archive_fd = archive,
                             .dir_fd = dir_fd,
                             .max_cpu_s = 1,
                             .work = work,
                             .on_frame = take_nothing,
                             .user_data = user_data};
    return helper_run(&spec, error);
}

static gboolean work_signal(Helper *helper, gpointer user_data, GError **error)
{
    (void)helper;
    (void)error;
    signal(*(int *)user_data, SIG_DFL); /* a sanitizer may have put its own handler there */
    raise(*(int *)user_data);
    abort();
}

static void a_crash_is_named_by_its_signal(void)
{
    g_autoptr(GError) error = NULL;
    int segv = SIGSEGV;
    g_assert_false(run(work_signal, &segv, -1, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "ended by signal");
}

static gboolean work_loop(Helper *helper, gpointer user_data, GError **error)
{
    (void)helper;
    (void)error;
    volatile const gboolean *is_going_on = user_data;
    while (*is_going_on)
        continue;
    return TRUE;
}

static void endless_work_is_ended_by_its_processor_time(void)
{
    g_autoptr(GError) error = NULL;
    gboolean is_going_on = TRUE;
    g_assert_false(run(work_loop, &is_going_on, -1, &error));
    /* where soft and hard limit are equal, the kernel kills at once */
    g_assert_true(g_error_matches(error, APPCENTER_ERROR, APPCENTER_ERROR_CORRUPT));
}

static gboolean work_exit(Helper *helper, gpointer user_data, GError **error)
{
    (void)helper;
    (void)error;
    _exit(*(int *)user_data);
}

static void leaving_without_a_word_is_a_failure(void)
{
    for (int code = 0; code < 2; code++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(run(work_exit, &code, -1, &error));
        assert_error(&error, APPCENTER_ERROR_INTERNAL, "left without a word");
    }
}

static gboolean work_fail(Helper *helper, gpointer user_data, GError **error)
{
    (void)helper;
    return error_set(error, (AppcenterError) * (int *)user_data, "told \x1b[31m\xff\n%s",
                     g_strnfill(3000, 'x'));
}

static void a_failure_keeps_kind_and_sentence_made_safe(void)
{
    g_autoptr(GError) error = NULL;
    int kind = APPCENTER_ERROR_NO_SPACE;
    g_assert_false(run(work_fail, &kind, -1, &error));
    g_assert_cmpuint(strlen(error->message), <, 1200);
    assert_error(&error, APPCENTER_ERROR_NO_SPACE, "told ?[31m\xef\xbf\xbd?xxx");
    kind = APPCENTER_ERROR_EXPIRED; /* not for a helper to say */
    g_assert_false(run(work_fail, &kind, -1, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "told");
}

static gboolean work_babble(Helper *helper, gpointer user_data, GError **error)
{
    (void)error;
    const guint8 *frame = user_data;
    /* the pipe's number is what this room knows: the frame is sent raw, with its lie */
    return TEMP_FAILURE_RETRY(write(*(int *)helper, frame, 5)) == 5;
}

static void nonsense_is_refused(void)
{
    static const guint8 huge[5] = {'C', 0xff, 0xff, 0xff, 0x7f};
    static const guint8 short_progress[5] = {'P', 0, 0, 0, 0};
    static const guint8 empty_failure[5] = {'E', 0, 0, 0, 0};
    static const guint8 after_done[5] = {'D', 0, 0, 0, 0};
    static const guint8 unknown[5] = {'?', 0, 0, 0, 0};
    const struct {
        const guint8 *frame;
        const char *sentence;
    } cases[] = {
        {huge, "speaks nonsense"},
        {short_progress, "speaks nonsense"},
        {empty_failure, "without a proper sentence"},
        {after_done, "speaks after its end"},
        {unknown, "frame ? of 0 bytes"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(run(work_babble, (gpointer)cases[i].frame, -1, &error));
        assert_error(&error, APPCENTER_ERROR_CORRUPT, cases[i].sentence);
    }
}

/* ---- what it may do ---- */

typedef struct {
    int open_fd;      /* of the parent, not for the helper */
    const char *path; /* a file that anybody may read */
} Temptation;

static gboolean work_try(Helper *helper, gpointer user_data, GError **error)
{
    (void)helper;
    const Temptation *temptation = user_data;
    if (fcntl(temptation->open_fd, F_GETFD) != -1)
        return error_set(error, APPCENTER_ERROR_IO, "the parent's descriptor is open");
    if (socket(AF_UNIX, SOCK_STREAM, 0) != -1)
        return error_set(error, APPCENTER_ERROR_IO, "could make a socket");
    if (fork() != -1)
        return error_set(error, APPCENTER_ERROR_IO, "could fork");
    if (sandbox_probe() & SANDBOX_MISSING_LANDLOCK)
        return TRUE;
    if (open(temptation->path, O_RDONLY) != -1)
        return error_set(error, APPCENTER_ERROR_IO, "could read a file");
    return TRUE;
}

static void a_helper_has_nothing_but_its_work(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "/file", "x");
    g_autofree char *path = scratch_path(&scratch, "/file");
    g_auto(Fd) open_fd = open(path, O_RDWR | O_CLOEXEC);
    const Temptation temptation = {open_fd, path};
    if (sandbox_probe() & SANDBOX_MISSING_SECCOMP) {
        g_test_skip("this kernel has no seccomp");
        return;
    }
    gboolean is_done = run(work_try, (gpointer)&temptation, -1, &error);
    g_assert_no_error(error);
    g_assert_true(is_done);
}

static gboolean work_uid(Helper *helper, gpointer user_data, GError **error)
{
    (void)helper;
    (void)user_data;
    return error_set(error, APPCENTER_ERROR_IO, "uid %u", (unsigned)geteuid());
}

static void a_helper_of_root_is_not_root(void)
{
    g_autoptr(GError) error = NULL;
    if (geteuid() != 0 || helper_uid() == 0) {
        g_test_skip("not root, or without uid 65534");
        return;
    }
    g_assert_false(run(work_uid, NULL, -1, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "uid 65534");
}

/* ---- the parent's look at a tree ---- */

static void make_fifo(const char *path)
{
    g_assert_cmpint(mkfifo(path, 0644), ==, 0);
}

static void make_setuid(const char *path)
{
    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
    g_assert_cmpint(chmod(path, 04755), ==, 0);
}

static void make_open(const char *path)
{
    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
    g_assert_cmpint(chmod(path, 0666), ==, 0);
}

static void make_two_names(const char *path)
{
    g_autofree char *other = g_strconcat(path, "-other", NULL);
    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
    g_assert_cmpint(chmod(path, 0644), ==, 0);
    g_assert_cmpint(link(path, other), ==, 0);
}

static void make_large(const char *path)
{
    g_autofree char *content = g_malloc0(101);
    g_assert_true(g_file_set_contents(path, content, 101, NULL));
    g_assert_cmpint(chmod(path, 0644), ==, 0);
}

static void make_deep(const char *path)
{
    g_autoptr(GString) deeper = g_string_new(path);
    for (int i = 0; i < 70; i++) {
        g_assert_cmpint(mkdir(deeper->str, 0755), ==, 0);
        g_string_append(deeper, "/d");
    }
}

static void make_good(const char *path)
{
    g_autofree char *file = g_build_filename(path, "file", NULL);
    g_autofree char *link = g_build_filename(path, "link", NULL);
    g_assert_cmpint(mkdir(path, 0755), ==, 0);
    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    g_assert_cmpint(chmod(file, 0644), ==, 0);
    g_assert_cmpint(symlink("/etc/passwd", link), ==, 0);
}

static void a_tree_is_looked_over_before_it_is_ours(void)
{
    static const struct {
        void (*make)(const char *path);
        const char *sentence;
    } cases[] = {
        {make_fifo, "neither a file nor a folder nor a link"},
        {make_setuid, "has mode 4755"},
        {make_open, "has mode 0666"},
        {make_two_names, "is not of this tree alone"},
        {make_large, "larger than what was announced"},
        {make_deep, "too deep"},
        {make_good, NULL},
    };
    const UnpackLimits limits = {.max_bytes = 100, .max_files = 100};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(Yard) yard = {0};
        yard_init(&yard);
        g_autofree char *path = yard_stage_path(&yard, "entry");
        cases[i].make(path);
        g_assert_cmpint(tree_adopt(yard.stage_fd, &limits, &error), ==, !cases[i].sentence);
        if (cases[i].sentence)
            assert_error(&error, APPCENTER_ERROR_CORRUPT, cases[i].sentence);
    }
}

void archive_helper_tests(void)
{
    g_test_add_func("/archive/helper/a_crash_is_named_by_its_signal", a_crash_is_named_by_its_signal);
    g_test_add_func("/archive/helper/endless_work_is_ended_by_its_processor_time",
                    endless_work_is_ended_by_its_processor_time);
    g_test_add_func("/archive/helper/leaving_without_a_word_is_a_failure",
                    leaving_without_a_word_is_a_failure);
    g_test_add_func("/archive/helper/a_failure_keeps_kind_and_sentence_made_safe",
                    a_failure_keeps_kind_and_sentence_made_safe);
    g_test_add_func("/archive/helper/nonsense_is_refused", nonsense_is_refused);
    g_test_add_func("/archive/helper/a_helper_has_nothing_but_its_work", a_helper_has_nothing_but_its_work);
    g_test_add_func("/archive/helper/a_helper_of_root_is_not_root", a_helper_of_root_is_not_root);
    g_test_add_func("/archive/tree/is_looked_over_before_it_is_ours",
                    a_tree_is_looked_over_before_it_is_ours);
}
