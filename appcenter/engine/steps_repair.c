/* steps_repair.c - puts right what the hooks that QTS runs before the files come have done to them.
 *
 * There pkg_pre_install finds the old version's files, and many a one clears its place ("rm -rf lib") for those that are
 * about to be unpacked. Here the new ones are in place by then, so what is missing or changed of them after those hooks
 * is unpacked once more and put back. What hooks do to the user's files and to config files is their own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/walk.h"

#define AGAIN_DIR ".again"

/* --- what was touched --- */

static gboolean is_guarded(const ManifestEntry *entry)
{
    return *entry->path != '/' && !entry->is_config;
}

/* Changes with every change of a file, its mode included; of a folder only whether it is one. NULL: nothing is there. */
static char *stamp(int tree_fd, const char *path)
{
    struct stat st;
    if (fstatat(tree_fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return NULL;
    if (S_ISDIR(st.st_mode))
        return g_strdup("folder");
    return g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld", (guint64)st.st_ino,
                           (gint64)st.st_ctim.tv_sec, (long)st.st_ctim.tv_nsec);
}

GHashTable *walk_guard_files(Walk *walk, const WalkApp *app, GError **error)
{
    g_auto(Fd) tree = volume_app_open(walk->engine->volume, app->app, error);
    if (tree < 0)
        return NULL;
    GHashTable *stamps = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (gsize i = 0; i < manifest_length(app->new_manifest); i++) {
        const ManifestEntry *entry = manifest_get(app->new_manifest, i);
        if (is_guarded(entry))
            g_hash_table_insert(stamps, g_strdup(entry->path), stamp(tree, entry->path));
    }
    return stamps;
}

/* In path order, so folders come before what is in them. */
static GPtrArray *find_touched(const WalkApp *app, int tree_fd, GHashTable *stamps)
{
    GPtrArray *touched = g_ptr_array_new();
    for (gsize i = 0; i < manifest_length(app->new_manifest); i++) {
        const ManifestEntry *entry = manifest_get(app->new_manifest, i);
        g_autofree char *now = is_guarded(entry) ? stamp(tree_fd, entry->path) : NULL;
        if (is_guarded(entry) && g_strcmp0(now, g_hash_table_lookup(stamps, entry->path)) != 0)
            g_ptr_array_add(touched, (gpointer)entry);
    }
    return touched;
}

/* --- putting it back --- */

/* A link or file in a folder's place goes: it is the hook's. */
static gboolean put_folder(int tree_fd, const ManifestEntry *entry, GError **error)
{
    (void)unlinkat(tree_fd, entry->path, 0);
    return mkdirat(tree_fd, entry->path, entry->mode) == 0 || error_set_errno(error, "make %s", entry->path);
}

static gboolean put_file(int again_fd, int tree_fd, const ManifestEntry *entry, GError **error)
{
    if (entry->type == 'f' && fchmodat(again_fd, entry->path, entry->mode, 0) != 0)
        return error_set_errno(error, "set the mode of %s", entry->path);
    return renameat(again_fd, entry->path, tree_fd, entry->path) == 0 ||
           error_set_errno(error, "put %s back", entry->path);
}

static int unpack_again(Walk *walk, WalkApp *app, GError **error)
{
    g_auto(Fd) beside = volume_stage_open(walk->engine->volume, app->extract, error);
    if (beside < 0 || !files_remove_tree_at(beside, AGAIN_DIR, error))
        return -1;
    if (mkdirat(beside, AGAIN_DIR, 0700) != 0) {
        error_set_errno(error, "make %s", AGAIN_DIR);
        return -1;
    }
    g_auto(Fd) again = openat(beside, AGAIN_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (again < 0)
        error_set_errno(error, "open %s", AGAIN_DIR);
    return again >= 0 && walk_unpack_data(walk, app, again, error) ? fd_steal(&again) : -1;
}

/* What is shipped for config files elsewhere is the package's, too, and comes from another archive. */
static gboolean put_back(Walk *walk, WalkApp *app, int tree_fd, GPtrArray *touched, GError **error)
{
    g_auto(Fd) again = unpack_again(walk, app, error);
    if (again < 0 || !walk_unpack_configs(walk, app, again, error))
        return FALSE;
    for (guint i = 0; i < touched->len; i++) {
        const ManifestEntry *entry = touched->pdata[i];
        if (!(entry->type == 'd' ? put_folder(tree_fd, entry, error)
                                 : put_file(again, tree_fd, entry, error)))
            return FALSE;
    }
    log_info(app->app, "%u of its files were changed before they should have been there: put back",
             touched->len);
    return TRUE;
}

gboolean walk_repair_files(Walk *walk, WalkApp *app, GHashTable *stamps, GError **error)
{
    g_auto(Fd) tree = volume_app_open(walk->engine->volume, app->app, error);
    if (tree < 0)
        return FALSE;
    g_autoptr(GPtrArray) touched = find_touched(app, tree, stamps);
    if (touched->len == 0 || put_back(walk, app, tree, touched, error))
        return TRUE;
    g_prefix_error(error, "files that a hook has changed: ");
    return FALSE;
}
