/* main.c - getcfg and setcfg, for boxes that have none: scripts of packages ask the NAS by these two programs.
 *
 *   getcfg SECTION KEY [-f FILE] [-d DEFAULT] [-c] [-u]     prints the value; 1 when there is none and no default
 *   setcfg SECTION KEY VALUE [-f FILE] [-c]                 writes it
 *
 * One program, told apart by the name it is called by; options stand anywhere, as on QTS. FILE is uLinux.conf unless
 * named. Below a root, where scripts could not get one of their own, APPCENTER_ROOT stands before it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "compat/ini.h"

#define DEFAULT_FILE   "/etc/config/uLinux.conf"
#define FILE_BYTES_MAX (16 * 1024 * 1024)
#define WORDS_MAX      3
#define LOCK_TRIES     50 /* 100 ms apart: nobody who holds the lock for ever may stop a box */
#define EXIT_NOT_FOUND 1
#define EXIT_USAGE     2

typedef struct {
    const char *words[WORDS_MAX];
    int n_words;
    const char *file, *fallback;
    gboolean is_case_sensitive, is_upper_case;
} Call;

static gboolean take_option(Call *call, char letter, const char *value)
{
    switch (letter) {
    case 'f':
        call->file = value;
        return value != NULL;
    case 'd':
        call->fallback = value;
        return value != NULL;
    case 'c':
        call->is_case_sensitive = TRUE;
        return TRUE;
    case 'u':
        call->is_upper_case = TRUE;
        return TRUE;
    default:
        return FALSE;
    }
}

/* A value may begin with "-": only the four options are options, and only where words are not yet complete. */
static gboolean read_call(Call *call, int argc, char **argv, int n_wanted)
{
    for (int i = 1; i < argc; i++) {
        gboolean is_option = argv[i][0] == '-' && argv[i][1] && !argv[i][2] && strchr("fdcu", argv[i][1]);
        gboolean has_value = is_option && strchr("fd", argv[i][1]);
        if (is_option && !take_option(call, argv[i][1], has_value ? argv[i + 1] : NULL))
            return FALSE;
        if (!is_option && call->n_words == n_wanted)
            return FALSE;
        if (!is_option)
            call->words[call->n_words++] = argv[i];
        i += has_value ? 1 : 0;
    }
    return call->n_words == n_wanted;
}

static char *host_path(const char *file)
{
    const char *root = g_getenv("APPCENTER_ROOT");
    gboolean is_below = root && g_str_has_prefix(file, root) && file[strlen(root)] == '/';
    return root && *file == '/' && !is_below ? g_strconcat(root, file, NULL) : g_strdup(file);
}

/* "" for a file that is not there. */
static char *read_file(const char *path, GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return g_strdup("");
    g_autoptr(GBytes) bytes = files_read_fd(fd, FILE_BYTES_MAX, error);
    return bytes ? g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)) : NULL;
}

static int get(const Call *call, const IniPlace *place, const char *path, GError **error)
{
    g_autofree char *text = read_file(path, error);
    if (!text)
        return EXIT_NOT_FOUND;
    g_autofree char *found = ini_get(text, place);
    const char *value = found ? found : call->fallback;
    if (!value)
        return EXIT_NOT_FOUND;
    g_autofree char *upper = call->is_upper_case ? g_ascii_strup(value, -1) : NULL;
    return puts(upper ? upper : value) < 0 ? EXIT_NOT_FOUND : EXIT_SUCCESS;
}

static void lock_folder(int dir_fd)
{
    for (int i = 0; i < LOCK_TRIES && flock(dir_fd, LOCK_EX | LOCK_NB) != 0; i++)
        g_usleep(100 * 1000);
}

/* Two that write at once lose nothing, and who reads meanwhile finds the old file or the new. */
static int set(const Call *call, const IniPlace *place, const char *path, GError **error)
{
    struct stat st;
    const char *value = call->words[2];
    g_autofree char *link_end = realpath(path, NULL);
    const char *real = link_end ? link_end : path;
    g_autofree char *folder = g_path_get_dirname(real);
    g_autofree char *name = g_path_get_basename(real);
    g_auto(Fd) dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) {
        error_set_errno(error, "open %s", folder);
        return EXIT_FAILURE;
    }
    lock_folder(dir_fd);
    g_autofree char *old = read_file(real, error);
    if (!old)
        return EXIT_FAILURE;
    g_autofree char *text = ini_set(old, place, value);
    mode_t mode = stat(real, &st) == 0 ? st.st_mode & 0777 : 0644;
    if (strcmp(old, text) == 0 || files_write_atomic_at(dir_fd, name, text, strlen(text), mode, error))
        return EXIT_SUCCESS;
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    Call call = {.file = DEFAULT_FILE};
    g_autofree char *program = g_path_get_basename(argv[0]);
    gboolean is_set = g_str_equal(program, "setcfg");
    process_begin();
    gboolean is_good = read_call(&call, argc, argv, is_set ? 3 : 2);
    IniPlace place = {call.words[0], call.words[1], call.is_case_sensitive};
    if (!is_good || !ini_place_is_good(&place) || (is_set && !ini_value_is_good(call.words[2]))) {
        fprintf(stderr, "usage: %s SECTION KEY %s\n", program,
                is_set ? "VALUE [-f FILE] [-c]" : "[-f FILE] [-d DEFAULT] [-c] [-u]");
        return EXIT_USAGE;
    }
    g_autofree char *path = host_path(call.file);
    int status = is_set ? set(&call, &place, path, &error) : get(&call, &place, path, &error);
    if (error)
        fprintf(stderr, "%s: %s\n", program, error->message);
    return status;
}
