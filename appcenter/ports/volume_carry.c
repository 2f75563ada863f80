/* volume_carry.c - the user's data moves with the live app, forward and back (the table in architecture.md, section 6).
 *
 * One walk over the tree that was live: what the package does not own, or owns with other content, is renamed into the
 * tree that is live now. A whole folder is one rename; folders that both trees have are descended. A taken path is never
 * overwritten: the one that has less right to it is put beside as NAME.local, and every single step is one rename, so a
 * crash leaves each file in exactly one of the trees and another run finishes the work. Config files go by the three-way
 * rule. Hides all of this behind volume_carry.
 */
#include "ports/volume_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOCAL_SUFFIX   ".local"
#define NEW_SUFFIX     ".new"
#define NAME_BYTES_MAX 230 /* of 255: the rest is for suffixes */
#define DEPTH_MAX      200 /* two descriptors a level; what lies deeper is moved whole */
#define BESIDE_TRIES   100

typedef struct {
    const Manifest *from, *to;
    gboolean forward;
    VolumeCarry *carry;
} Carrying;

/* A folder of the destination, opened (and made, like its source) only when something goes there. */
typedef struct Dest Dest;
struct Dest {
    Dest *parent;     /* NULL: the top, which is open */
    const char *name; /* in the parent */
    char *path;       /* from the top, "" for it */
    int source_fd;    /* the folder that it corresponds to, for mode and owner */
    int fd;           /* -1: not opened yet */
};

static void dest_clear(Dest *dest)
{
    if (dest->parent)
        fd_close(dest->fd);
    g_free(dest->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Dest, dest_clear)

/* What the walk stands on. */
typedef struct {
    int dir_fd;       /* folder in the source */
    const char *name; /* in it */
    char *path;       /* in the source tree */
    struct stat st;
    char *to_name; /* name that it wants in the destination's folder; path it wants there: */
    char *to_path;
    VolumeOwner owner;
} Entry;

static void entry_clear(Entry *entry)
{
    g_free(entry->path);
    g_free(entry->to_name);
    g_free(entry->to_path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Entry, entry_clear)

void volume_carry_clear(VolumeCarry *carry)
{
    g_clear_pointer(&carry->notes, g_ptr_array_unref);
}

static void add_note(const Carrying *carrying, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add_note(const Carrying *carrying, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(carrying->carry->notes, g_strdup_vprintf(format, args));
    va_end(args);
}

/* ---- the destination ---- */

static gboolean dest_make(Dest *dest, GError **error)
{
    struct stat st;
    if (fstat(dest->source_fd, &st) != 0)
        return error_set_errno(error, "look at %s", dest->path);
    if (mkdirat(dest->parent->fd, dest->name, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, "make the folder %s", dest->path);
    dest->fd = volume_open_dir(dest->parent->fd, dest->name);
    if (dest->fd < 0)
        return error_set_errno(error, "open the folder %s", dest->path);
    if (geteuid() == 0 && fchown(dest->fd, st.st_uid, st.st_gid) != 0)
        return error_set_errno(error, "give the folder %s to its owner", dest->path);
    if (fchmod(dest->fd, st.st_mode & 07777) != 0)
        return error_set_errno(error, "set the mode of the folder %s", dest->path);
    return TRUE;
}

static gboolean dest_open(Dest *dest, GError **error)
{
    if (dest->fd >= 0)
        return TRUE;
    if (!dest_open(dest->parent, error))
        return FALSE;
    dest->fd = volume_open_dir(dest->parent->fd, dest->name);
    if (dest->fd >= 0)
        return TRUE;
    return errno == ENOENT ? dest_make(dest, error)
                           : error_set_errno(error, "open the folder %s", dest->path);
}

/* What lies at a name in the destination, without making its folder. FALSE: nothing (a folder that cannot be opened
 * will say so when it is needed). */
static gboolean dest_stat(Dest *dest, const char *name, struct stat *st)
{
    /* The first of the chain is always open, so this ends. */
    if (dest->fd < 0) {
        struct stat folder;
        if (!dest_stat(dest->parent, dest->name, &folder))
            return FALSE;
        g_autoptr(GError) ignored = NULL;
        if (!dest_open(dest, &ignored))
            return FALSE;
    }
    return fstatat(dest->fd, name, st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- moving one thing ---- */

static gboolean told_beside(const Carrying *carrying, const char *path, const char *beside, GError **error)
{
    VolumeCarry *carry = carrying->carry;
    return !carry->on_beside || carry->on_beside(path, beside, carry->user_data, error);
}

static char *beside_name(const char *name, guint try)
{
    g_autofree char *base = g_strndup(name, NAME_BYTES_MAX);
    return try == 1 ? g_strconcat(base, LOCAL_SUFFIX, NULL)
                    : g_strdup_printf("%s" LOCAL_SUFFIX ".%u", base, try);
}

/* The path is taken by one with more right to it. */
static gboolean move_beside(const Carrying *carrying, const Entry *entry, Dest *dest, GError **error)
{
    if (!dest_open(dest, error))
        return FALSE;
    for (guint try = 1; try <= BESIDE_TRIES; try++) {
        struct stat st;
        g_autofree char *name = beside_name(entry->to_name, try);
        g_autofree char *beside = volume_join(dest->path, name);
        if (fstatat(dest->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        if (!told_beside(carrying, entry->path, beside, error))
            return FALSE;
        if (volume_rename_new(entry->dir_fd, entry->name, dest->fd, name) != 0) {
            if (errno == EEXIST)
                continue;
            return error_set_errno(error, "move %s to %s", entry->path, beside);
        }
        carrying->carry->moved++;
        add_note(carrying, "%s: the package has one of its own, yours is beside it as %s", entry->to_path,
                 beside);
        return TRUE;
    }
    return error_set(error, APPCENTER_ERROR_IO, "%s: no free name beside it", entry->to_path);
}

static gboolean move_plain(const Carrying *carrying, const Entry *entry, Dest *dest, GError **error)
{
    if (!dest_open(dest, error))
        return FALSE;
    if (volume_rename_new(entry->dir_fd, entry->name, dest->fd, entry->to_name) != 0) {
        if (errno == EEXIST)
            return move_beside(carrying, entry, dest, error);
        return error_set_errno(error, "move %s", entry->path);
    }
    carrying->carry->moved++;
    return TRUE;
}

/* ---- config files ---- */

/* Ours over the shipped one, which has been looked at and is not the user's. */
static gboolean move_over(const Carrying *carrying, const Entry *entry, Dest *dest, GError **error)
{
    if (renameat(entry->dir_fd, entry->name, dest->fd, entry->to_name) != 0)
        return error_set_errno(error, "move %s", entry->path);
    carrying->carry->moved++;
    return TRUE;
}

/* The shipped one steps aside as NAME.new, then the user's takes its path. */
static gboolean move_with_new_beside(const Carrying *carrying, const Entry *entry, Dest *dest, GError **error)
{
    g_autofree char *new_name = g_strconcat(entry->to_name, NEW_SUFFIX, NULL);
    if (strlen(new_name) > NAME_BYTES_MAX ||
        volume_rename_new(dest->fd, entry->to_name, dest->fd, new_name) != 0)
        return move_beside(carrying, entry, dest, error); /* NAME.new is taken */
    add_note(carrying, "%s: yours is kept, the new one is beside it as %s%s", entry->to_path, entry->to_path,
             NEW_SUFFIX);
    return move_plain(carrying, entry, dest, error);
}

static gboolean is_config(const Carrying *carrying, const Entry *entry)
{
    const ManifestEntry *from = manifest_find(carrying->from, entry->path);
    const ManifestEntry *to = manifest_find(carrying->to, entry->to_path);
    return (from && from->is_config) || (to && to->is_config);
}

/* Both trees have a regular file there, with other content, and it is a config file. here: SHA-256 of what the
 * destination has. */
static gboolean carry_config(const Carrying *carrying, const Entry *entry, Dest *dest, const char *here,
                             GError **error)
{
    const ManifestEntry *from = manifest_find(carrying->from, entry->path);
    const ManifestEntry *to = manifest_find(carrying->to, entry->to_path);
    if (!to || g_strcmp0(here, to->sha256) != 0) /* newer than what was shipped: never overwritten */
        return move_beside(carrying, entry, dest, error);
    if (from && g_strcmp0(from->sha256, to->sha256) == 0)
        return move_over(carrying, entry, dest, error);
    return carrying->forward ? move_with_new_beside(carrying, entry, dest, error)
                             : move_beside(carrying, entry, dest, error);
}

/* ---- the walk ---- */

static gboolean carry_dir(const Carrying *carrying, int dir_fd, const char *path, Dest *dest, guint depth,
                          GError **error);

/* The user's, and the destination has something of that name which is not a folder to descend. */
static gboolean carry_onto(const Carrying *carrying, const Entry *entry, Dest *dest, const struct stat *there,
                           GError **error)
{
    if (!S_ISREG(entry->st.st_mode) || !S_ISREG(there->st_mode))
        return move_beside(carrying, entry, dest, error);
    g_autofree char *ours = volume_hash_file(entry->dir_fd, entry->name);
    g_autofree char *here = volume_hash_file(dest->fd, entry->to_name);
    if (ours && g_strcmp0(ours, here) == 0)
        return TRUE; /* nothing would be lost with it */
    return ours && here && is_config(carrying, entry) ? carry_config(carrying, entry, dest, here, error)
                                                      : move_beside(carrying, entry, dest, error);
}

/* A folder that the destination has as well, or that is the package's and may hold the user's. */
static gboolean descend(const Carrying *carrying, const Entry *entry, Dest *dest, const char *to_name,
                        guint depth, GError **error)
{
    g_auto(Fd) fd = volume_open_dir(entry->dir_fd, entry->name);
    if (fd < 0)
        return error_set_errno(error, "open %s", entry->path);
    g_auto(Dest) below = {
        .parent = dest, .name = to_name, .path = volume_join(dest->path, to_name), .source_fd = fd, .fd = -1};
    return carry_dir(carrying, fd, entry->path, &below, depth + 1, error);
}

/* A folder of the package in the way of which the destination has something else: what the user has in it goes to
 * NAME.local. That name is found again by the next run: it is a folder. */
static gboolean descend_beside(const Carrying *carrying, const Entry *entry, Dest *dest, guint depth,
                               GError **error)
{
    for (guint try = 1; try <= BESIDE_TRIES; try++) {
        struct stat st;
        g_autofree char *name = beside_name(entry->to_name, try);
        g_autofree char *beside = volume_join(dest->path, name);
        gboolean is_taken = dest_stat(dest, name, &st);
        if (is_taken && !S_ISDIR(st.st_mode))
            continue;
        if (!is_taken && !told_beside(carrying, entry->path, beside, error))
            return FALSE;
        return descend(carrying, entry, dest, name, depth, error);
    }
    return error_set(error, APPCENTER_ERROR_IO, "%s: no free name beside it", entry->to_path);
}

static gboolean carry_folder(const Carrying *carrying, const Entry *entry, Dest *dest, guint depth,
                             GError **error)
{
    struct stat there;
    gboolean is_taken = dest_stat(dest, entry->to_name, &there);
    gboolean is_users = entry->owner != VOLUME_SAME;
    if (!is_taken && is_users)
        return move_plain(carrying, entry, dest, error);
    if (!is_taken || S_ISDIR(there.st_mode))
        return is_users && depth >= DEPTH_MAX ? move_beside(carrying, entry, dest, error)
                                              : descend(carrying, entry, dest, entry->to_name, depth, error);
    return is_users ? move_beside(carrying, entry, dest, error)
                    : descend_beside(carrying, entry, dest, depth, error);
}

static gboolean carry_entry(const Carrying *carrying, const Entry *entry, Dest *dest, guint depth,
                            GError **error)
{
    struct stat there;
    if (S_ISDIR(entry->st.st_mode))
        return carry_folder(carrying, entry, dest, depth, error);
    if (entry->owner == VOLUME_SAME)
        return TRUE;
    if (!dest_stat(dest, entry->to_name, &there))
        return move_plain(carrying, entry, dest, error);
    return carry_onto(carrying, entry, dest, &there, error);
}

/* Where an earlier way put it beside its path, it returns to that path. NULL: it did not, or a package has that name now. */
static const char *place_before(const Carrying *carrying, const char *path)
{
    GHashTable *beside = carrying->carry->beside;
    return beside && !manifest_find(carrying->from, path) ? g_hash_table_lookup(beside, path) : NULL;
}

/* FALSE without an error: it is gone meanwhile. */
static gboolean look_at(const Carrying *carrying, int dir_fd, const char *dir_path, const char *name,
                        const Dest *dest, Entry *entry)
{
    *entry = (Entry){.dir_fd = dir_fd, .name = name, .path = volume_join(dir_path, name)};
    if (fstatat(dir_fd, name, &entry->st, AT_SYMLINK_NOFOLLOW) != 0)
        return FALSE;
    const char *before = place_before(carrying, entry->path);
    entry->to_name = before ? g_path_get_basename(before) : g_strdup(name);
    entry->to_path = volume_join(dest->path, entry->to_name);
    entry->owner =
        before ? VOLUME_USERS : volume_owner(dir_fd, name, entry->path, &entry->st, carrying->from);
    return TRUE;
}

static gboolean carry_dir(const Carrying *carrying, int dir_fd, const char *path, Dest *dest, guint depth,
                          GError **error)
{
    g_auto(GStrv) names = volume_names_in(dir_fd, error);
    if (!names) {
        g_prefix_error(error, "%s: ", path);
        return FALSE;
    }
    /* what was put beside returns first: its place is its own before anybody else's of that name */
    for (int returning = 1; returning >= 0; returning--)
        for (char **name = names; *name; name++) {
            g_autofree char *entry_path = volume_join(path, *name);
            if ((place_before(carrying, entry_path) != NULL) != returning)
                continue;
            g_auto(Entry) entry = {0};
            if (look_at(carrying, dir_fd, path, *name, dest, &entry) &&
                !carry_entry(carrying, &entry, dest, depth, error))
                return FALSE;
        }
    return TRUE;
}

gboolean volume_carry(int from_fd, int to_fd, const Manifest *from_manifest, const Manifest *to_manifest,
                      gboolean forward, VolumeCarry *carry, GError **error)
{
    Carrying carrying = {.from = from_manifest, .to = to_manifest, .forward = forward, .carry = carry};
    g_auto(Dest) top = {.path = g_strdup(""), .source_fd = from_fd, .fd = to_fd};
    if (!carry->notes)
        carry->notes = g_ptr_array_new_with_free_func(g_free);
    if (carry_dir(&carrying, from_fd, "", &top, 0, error))
        return TRUE;
    g_prefix_error(error, "carry data over: ");
    return FALSE;
}
