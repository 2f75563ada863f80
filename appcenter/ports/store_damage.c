/* store_damage.c - a state.db that is lost or not whole: set aside, and its last good backup taken; nothing is guessed.
 *
 * What was in the state since that backup is gone, so the state says of itself that it was damaged, until an admin has
 * looked: see store_damage.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ports/store_internal.h"

#define DAMAGE_KEY       "damage"
#define BACKUP_MAX_BYTES (G_GINT64_CONSTANT(1) << 40)
#define MARK_FILE                                                                                            \
    STORE_STATE_FILE ".restoring" /* from before the first rename until the damage is on record */
#define MARK_MAX_BYTES 4096
#define ASIDE_MAX      100

static const char *const backups[] = {STORE_STATE_FILE ".bak1", STORE_STATE_FILE ".bak2"};
static const char *const parts[] = {"", "-wal", "-shm", "-journal"};

static gboolean is_there(int dir_fd, const char *name)
{
    struct stat st;
    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* state.db.damaged-N and what belongs to it: an admin, or somebody who is asked, may still read something out of it. */
static gboolean set_aside(int dir_fd, GError **error)
{
    guint n = 1;
    g_autofree char *base = NULL;
    for (;; n++) {
        g_free(base);
        base = g_strdup_printf(STORE_STATE_FILE ".damaged-%u", n);
        if (n > ASIDE_MAX)
            return error_set(error, APPCENTER_ERROR_REFUSED,
                             "%u damaged databases lie in " STORE_STATE_DIR " already; move them away",
                             ASIDE_MAX);
        if (!is_there(dir_fd, base))
            break;
    }
    for (gsize i = G_N_ELEMENTS(parts); i-- > 0;) {
        g_autofree char *from = g_strconcat(STORE_STATE_FILE, parts[i], NULL);
        g_autofree char *to = g_strconcat(base, parts[i], NULL);
        if (renameat(dir_fd, from, dir_fd, to) != 0 && errno != ENOENT)
            return error_set_errno(error, "rename %s to %s", from, to);
    }
    return files_fsync(dir_fd, STORE_STATE_DIR, error);
}

static gboolean copy_backup(int dir_fd, const char *backup, GError **error)
{
    const char *fresh = STORE_STATE_FILE ".restored";
    if (unlinkat(dir_fd, fresh, 0) != 0 && errno != ENOENT)
        return error_set_errno(error, "remove %s", fresh);
    g_auto(Fd) in = openat(dir_fd, backup, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    g_auto(Fd) out = in < 0 ? -1 : openat(dir_fd, fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0)
        return error_set_errno(error, "copy %s", backup);
    if (files_copy_fd(in, out, BACKUP_MAX_BYTES, error) < 0 || !files_fsync(out, fresh, error))
        return FALSE;
    if (renameat(dir_fd, fresh, dir_fd, STORE_STATE_FILE) != 0)
        return error_set_errno(error, "rename %s", fresh);
    return files_fsync(dir_fd, STORE_STATE_DIR, error);
}

/* The state out of a backup, or an empty one; *from says which. */
static Store *open_restored(const RootDir *root, int dir_fd, const char **from, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(backups); i++) {
        g_autoptr(GError) failure = NULL;
        if (!is_there(dir_fd, backups[i]))
            continue;
        g_autoptr(Store) store =
            copy_backup(dir_fd, backups[i], &failure) ? store_open(root, &failure) : NULL;
        *from = backups[i];
        if (store)
            return g_steal_pointer(&store);
        log_warning("store", "%s: %s", backups[i], failure->message);
        if (!set_aside(dir_fd, error))
            return NULL;
    }
    *from = "nothing";
    return store_open(root, error);
}

static gboolean note_damage(Store *store, const char *why, const char *from, gint64 now, GError **error)
{
    g_autofree char *at = units_format_time(now);
    g_autoptr(json_t) damage = json_pack("{s:s, s:s, s:s, s:b, s:[]}", "at", at, "why", why, "restored_from",
                                         from, "is_rebuilt", 0, "notes");
    return store_damage_set(store, damage, error);
}

static gboolean drop_mark(int dir_fd, GError **error)
{
    if (unlinkat(dir_fd, MARK_FILE, 0) != 0)
        return error_set_errno(error, "remove %s", MARK_FILE);
    return files_fsync(dir_fd, STORE_STATE_DIR, error);
}

/* A crash on the way leaves the mark, and the next start does it all again: a backup must never pass for the state that was
 * lost, nor a leftover log be read into it. */
static Store *restore(const RootDir *root, int dir_fd, const char *why, gint64 now, GError **error)
{
    const char *from;
    log_error("store", "%s; it is set aside, and the last good backup is taken", why);
    if (!files_write_atomic_at(dir_fd, MARK_FILE, why, MIN(strlen(why), MARK_MAX_BYTES), 0600, error) ||
        !set_aside(dir_fd, error))
        return NULL;
    g_autoptr(Store) store = open_restored(root, dir_fd, &from, error);
    return store && note_damage(store, why, from, now, error) && drop_mark(dir_fd, error)
               ? g_steal_pointer(&store)
               : NULL;
}

/* Why the state cannot be opened as it lies there; NULL: it can be tried. */
static char *find_loss(const RootDir *root, int dir_fd)
{
    struct stat st;
    gboolean was_there = fstatat(dir_fd, STORE_STATE_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
    g_autoptr(GBytes) mark = root_dir_read(root, STORE_STATE_DIR "/" MARK_FILE, MARK_MAX_BYTES, NULL);
    if (mark) {
        g_autofree char *why = g_strndup(g_bytes_get_data(mark, NULL), g_bytes_get_size(mark));
        return g_utf8_make_valid(why, -1);
    }
    if (is_there(dir_fd, MARK_FILE))
        return g_strdup("a restore was cut short");
    if (!was_there && (is_there(dir_fd, backups[0]) || is_there(dir_fd, backups[1]) ||
                       is_there(dir_fd, STORE_STATE_FILE "-wal")))
        return g_strdup(STORE_STATE_FILE " is gone, though what belongs to it is there");
    return NULL;
}

Store *store_open_or_restore(const RootDir *root, gint64 now, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_auto(Fd) dir = root_dir_make_dirs(root, STORE_STATE_DIR, 0700, error)
                         ? root_dir_openat(root, STORE_STATE_DIR, O_RDONLY | O_DIRECTORY, 0, error)
                         : -1;
    if (dir < 0)
        return NULL;
    g_autofree char *loss = find_loss(root, dir);
    if (loss)
        return restore(root, dir, loss, now, error);
    Store *store = store_open(root, &failure);
    if (store)
        return store;
    if (error_kind(failure) == APPCENTER_ERROR_CORRUPT)
        return restore(root, dir, failure->message, now, error);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

/* --- until somebody has looked --- */

gboolean store_damage(Store *store, json_t **damage, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *text = store_meta_get(store, DAMAGE_KEY, &failure);
    *damage = NULL;
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (text && *text)
        *damage = json_parse_strict(text, strlen(text), 8, TRUE, error);
    return !text || !*text || *damage;
}

gboolean store_damage_set(Store *store, json_t *damage, GError **error)
{
    g_autofree char *text = damage ? json_to_text(damage) : g_strdup("");
    return store_meta_set(store, DAMAGE_KEY, text, error);
}

gboolean store_refuse_if_damaged(Store *store, GError **error)
{
    json_t *found = NULL;
    if (!store_damage(store, &found, error))
        return FALSE;
    g_autoptr(json_t) damage = found;
    return !damage ||
           error_set(error, APPCENTER_ERROR_REFUSED,
                     "the state was damaged (%s) and comes from %s: nothing is changed until you have looked "
                     "(appctl doctor) and agreed (appctl doctor --accept)",
                     json_string_value(json_object_get(damage, "why")),
                     json_string_value(json_object_get(damage, "restored_from")));
}
