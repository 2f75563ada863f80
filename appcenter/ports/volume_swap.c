/* volume_swap.c - brings a staged tree live and the live one into its place, and back.
 *
 * Every tree is known by its inode and may lie in one of three places: live, staged, or aside (while it is exchanged with
 * plain renames). One function puts two trees where they belong, from wherever a crash has left them; forward, back and
 * removal are its four uses. So do and undo are the same code, and doing either twice does nothing.
 */
#include "ports/volume_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASIDE_SUFFIX ".aside"

typedef enum { PLACE_NONE, PLACE_LIVE, PLACE_STAGE, PLACE_ASIDE } Place;

typedef struct {
    const Volume *volume;
    const char *app, *stage;
    char *aside;
} Exchange;

static int place_dir(const Exchange *exchange, Place place)
{
    return place == PLACE_LIVE ? exchange->volume->qpkg_fd : exchange->volume->stage_fd;
}

static const char *place_name(const Exchange *exchange, Place place)
{
    if (place == PLACE_LIVE)
        return exchange->app;
    return place == PLACE_STAGE ? exchange->stage : exchange->aside;
}

/* Inode of the folder there, 0 when there is nothing. */
static gboolean inode_at(const Exchange *exchange, Place place, guint64 *inode, GError **error)
{
    struct stat st;
    const char *name = place_name(exchange, place);
    *inode = 0;
    if (fstatat(place_dir(exchange, place), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || error_set_errno(error, "look at %s", name);
    if (!S_ISDIR(st.st_mode))
        return error_set(error, APPCENTER_ERROR_REFUSED, "wanted a folder at %s, found something else", name);
    *inode = st.st_ino;
    return TRUE;
}

gboolean volume_inodes(const Volume *volume, const char *app, const char *stage, VolumeInodes *inodes,
                       GError **error)
{
    Exchange exchange = {.volume = volume, .app = app, .stage = stage};
    return volume_name_is_plain(app, error) && volume_name_is_plain(stage, error) &&
           inode_at(&exchange, PLACE_LIVE, &inodes->live_ino, error) &&
           inode_at(&exchange, PLACE_STAGE, &inodes->staged_ino, error);
}

/* Where the tree of that inode is; NONE for inode 0 and when it is nowhere. */
static gboolean find_tree(const Exchange *exchange, guint64 inode, Place *place, GError **error)
{
    *place = PLACE_NONE;
    for (Place at = PLACE_LIVE; inode != 0 && at <= PLACE_ASIDE; at++) {
        guint64 found;
        if (!inode_at(exchange, at, &found, error))
            return FALSE;
        if (found == inode)
            *place = at;
    }
    return TRUE;
}

static gboolean move_to(const Exchange *exchange, Place from, Place to, GError **error)
{
    if (volume_rename_new(place_dir(exchange, from), place_name(exchange, from), place_dir(exchange, to),
                          place_name(exchange, to)) != 0)
        return error_set_errno(error, "rename %s to %s", place_name(exchange, from),
                               place_name(exchange, to));
    return TRUE;
}

/* FALSE where the file system has no exchange. */
static gboolean exchange_at_once(const Exchange *exchange)
{
    const char *forced = getenv("APPCENTER_TEST_TWO_RENAMES");
    if (forced && strcmp(forced, "1") == 0)
        return FALSE;
    return renameat2(exchange->volume->qpkg_fd, exchange->app, exchange->volume->stage_fd, exchange->stage,
                     RENAME_EXCHANGE) == 0;
}

/* One move nearer to the end: whose place is free goes there, else who is in the way steps aside. */
static gboolean step(const Exchange *exchange, Place live_tree, Place stage_tree, GError **error)
{
    if (live_tree == PLACE_STAGE && stage_tree == PLACE_LIVE && exchange_at_once(exchange))
        return TRUE;
    if (live_tree != PLACE_NONE && live_tree != PLACE_LIVE && stage_tree != PLACE_LIVE)
        return move_to(exchange, live_tree, PLACE_LIVE, error);
    if (stage_tree != PLACE_NONE && stage_tree != PLACE_STAGE && live_tree != PLACE_STAGE)
        return move_to(exchange, stage_tree, PLACE_STAGE, error);
    return move_to(exchange, PLACE_LIVE, PLACE_ASIDE, error);
}

static gboolean must_be_somewhere(const Exchange *exchange, const char *which, guint64 inode, Place place,
                                  GError **error)
{
    if (inode == 0 || place != PLACE_NONE)
        return TRUE;
    return error_set(error, APPCENTER_ERROR_IO,
                     "%s: the %s tree (inode %" G_GUINT64_FORMAT ") is neither live nor staged",
                     exchange->app, which, inode);
}

/* Puts the two trees (inode 0: none) where they belong. may_be_gone: the tree for the stage may have been dropped. */
static gboolean arrange(const Volume *volume, const char *app, const char *stage, guint64 live_ino,
                        guint64 stage_ino, gboolean may_be_gone, GError **error)
{
    g_autofree char *aside = g_strconcat(stage, ASIDE_SUFFIX, NULL);
    Exchange exchange = {.volume = volume, .app = app, .stage = stage, .aside = aside};
    if (!volume_name_is_plain(app, error) || !volume_name_is_plain(stage, error))
        return FALSE;
    for (;;) {
        Place live_tree, stage_tree;
        if (!find_tree(&exchange, live_ino, &live_tree, error) ||
            !find_tree(&exchange, stage_ino, &stage_tree, error) ||
            !must_be_somewhere(&exchange, "wanted", live_ino, live_tree, error) ||
            (!may_be_gone && !must_be_somewhere(&exchange, "other", stage_ino, stage_tree, error)))
            return FALSE;
        gboolean live_is_right = live_tree == PLACE_LIVE || live_tree == PLACE_NONE;
        gboolean stage_is_right = stage_tree == PLACE_STAGE || stage_tree == PLACE_NONE;
        if (live_is_right && stage_is_right)
            return files_fsync(volume->qpkg_fd, app, error) && files_fsync(volume->stage_fd, stage, error);
        if (!step(&exchange, live_tree, stage_tree, error))
            return FALSE;
    }
}

gboolean volume_swap(const Volume *volume, const char *app, const char *stage, const VolumeInodes *before,
                     GError **error)
{
    if (before->staged_ino == 0)
        return error_set(error, APPCENTER_ERROR_IO, "%s: no tree is staged", app);
    return arrange(volume, app, stage, before->staged_ino, before->live_ino, FALSE, error);
}

gboolean volume_swap_back(const Volume *volume, const char *app, const char *stage,
                          const VolumeInodes *before, GError **error)
{
    return arrange(volume, app, stage, before->live_ino, before->staged_ino, TRUE, error);
}

gboolean volume_take_away(const Volume *volume, const char *app, const char *stage,
                          const VolumeInodes *before, GError **error)
{
    if (before->live_ino == 0)
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s has no folder on the volume", app);
    return arrange(volume, app, stage, 0, before->live_ino, FALSE, error);
}
