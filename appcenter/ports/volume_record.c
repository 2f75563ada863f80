/* volume_record.c - what is written of a tree beside the database: a record per tree, named by the tree's inode.
 *
 * The inode moves with the tree through every exchange and rename, so a record says what its tree is wherever that is, and
 * costs the switch nothing. For the day when the database is lost.
 */
#include "ports/volume_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RECORDS_DIR      ".appcenter/records"
#define RECORD_MAX_BYTES (256 * 1024 * 1024)

static int open_records(const Volume *volume, GError **error)
{
    if (mkdirat(volume->qpkg_fd, RECORDS_DIR, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, "make %s", RECORDS_DIR), -1;
    int fd = openat(volume->qpkg_fd, RECORDS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        error_set_errno(error, "open %s", RECORDS_DIR);
    return fd;
}

static char *record_name(guint64 inode)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT, inode);
}

gboolean volume_record_write(const Volume *volume, const char *stage, const char *text, GError **error)
{
    struct stat st;
    if (!volume_name_is_plain(stage, error))
        return FALSE;
    if (fstatat(volume->stage_fd, stage, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set_errno(error, "look at %s", stage);
    g_auto(Fd) records = open_records(volume, error);
    g_autofree char *name = record_name(st.st_ino);
    return records >= 0 && files_write_atomic_at(records, name, text, strlen(text), 0600, error);
}

GBytes *volume_record_read(const Volume *volume, const char *app, GError **error)
{
    struct stat st;
    if (!volume_name_is_plain(app, error))
        return NULL;
    if (fstatat(volume->qpkg_fd, app, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set_errno(error, "look at %s", app), NULL;
    g_auto(Fd) records = open_records(volume, error);
    if (records < 0)
        return NULL;
    g_autofree char *name = record_name(st.st_ino);
    g_auto(Fd) fd = openat(records, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, "the record of %s", app), NULL;
    return files_read_fd(fd, RECORD_MAX_BYTES, error);
}

/* Inodes of the folders in a directory, as text. */
static gboolean add_inodes(GHashTable *inodes, int dir_fd, GError **error)
{
    g_auto(GStrv) names = volume_names_in(dir_fd, error);
    for (char **name = names; name && *name; name++) {
        struct stat st;
        if (fstatat(dir_fd, *name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
            g_hash_table_add(inodes, record_name(st.st_ino));
    }
    return names != NULL;
}

gboolean volume_records_clear(const Volume *volume, GError **error)
{
    g_autoptr(GHashTable) inodes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_auto(Fd) records = open_records(volume, error);
    if (records < 0 || !add_inodes(inodes, volume->qpkg_fd, error) ||
        !add_inodes(inodes, volume->stage_fd, error) || !add_inodes(inodes, volume->kept_fd, error))
        return FALSE;
    g_auto(GStrv) names = volume_names_in(records, error);
    for (char **name = names; name && *name; name++)
        if (!g_hash_table_contains(inodes, *name) && unlinkat(records, *name, 0) != 0 && errno != ENOENT)
            return error_set_errno(error, "remove the record %s", *name);
    return names != NULL;
}

char **volume_apps(const Volume *volume, GError **error)
{
    g_auto(GStrv) names = volume_names_in(volume->qpkg_fd, error);
    if (!names)
        return NULL;
    g_autoptr(GStrvBuilder) apps = g_strv_builder_new();
    for (char **name = names; *name; name++) {
        struct stat st;
        if (app_name_is_valid(*name) && fstatat(volume->qpkg_fd, *name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(st.st_mode))
            g_strv_builder_add(apps, *name);
    }
    return g_strv_builder_end(apps);
}
