/* spool.c - spooled archives; see spool.h. */
#include "daemon/spool.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define SPOOL_DIR         "/var/lib/appcenter/incoming"
#define SPOOL_SUFFIX      ".qpkg"
#define SPOOL_TOKEN_BYTES 16

char *spool_path(const char *token)
{
    return token && units_is_hex(token, SPOOL_TOKEN_BYTES)
               ? g_strdup_printf(SPOOL_DIR "/%s" SPOOL_SUFFIX, token)
               : NULL;
}

int spool_create(const RootDir *root, char **token, GError **error)
{
    guint8 random[SPOOL_TOKEN_BYTES];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return error_set_errno(error, "no random bytes"), -1;
    g_autofree char *name = units_hex(random, sizeof random);
    g_autofree char *path = spool_path(name);
    if (!root_dir_make_dirs(root, SPOOL_DIR, 0700, error))
        return -1;
    int fd = root_dir_openat(root, path, O_WRONLY | O_CREAT | O_EXCL, 0600, error);
    if (fd >= 0)
        *token = g_steal_pointer(&name);
    return fd;
}

static void remove_path(const RootDir *root, const char *path)
{
    g_autoptr(GError) error = NULL;
    if (!root_dir_unlink(root, path, &error))
        log_warning("spool", "%s", error->message);
}

void spool_remove(const RootDir *root, const char *token)
{
    g_autofree char *path = spool_path(token);
    if (path)
        remove_path(root, path);
}

static gboolean is_older(const RootDir *root, const char *path, gint64 before)
{
    struct stat info;
    g_auto(Fd) fd = root_dir_openat(root, path, O_PATH | O_NOFOLLOW, 0, NULL);
    return fd >= 0 && fstat(fd, &info) == 0 && info.st_mtime < before;
}

void spool_clean(const RootDir *root, const Jobs *jobs, gint64 before)
{
    g_auto(GStrv) names = root_dir_list(root, SPOOL_DIR, NULL); /* absent: nothing was ever sent */
    for (char **name = names; name && *name; name++) {
        g_autofree char *path = g_strdup_printf(SPOOL_DIR "/%s", *name);
        if (!jobs_need_file(jobs, path) && is_older(root, path, before))
            remove_path(root, path);
    }
}
