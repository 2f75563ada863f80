/* archive_rules.c - what an entry of an untrusted tar may be.
 *
 * Everything is decided from the entry and from what came before it, before anything touches the disk: names, kinds,
 * modes, where links lead, doubles, and the limits. The names that pass are relative, normal and unique, and every
 * folder above them is a folder.
 */
#include "ports/archive_internal.h"

#include <string.h>

#define PART_MAX_BYTES 255
#define TIME_MAX_S     G_GINT64_CONSTANT(253402300799) /* the last second of the year 9999 */

typedef struct {
    MemberKind kind;
    gboolean is_implied; /* a folder that has only been named in the path of another entry */
    gint64 size_bytes;
} Seen;

struct MemberRules {
    UnpackLimits limits;
    GHashTable *seen; /* path -> Seen */
    gint64 files;
    gint64 bytes;
};

void member_clear(Member *member)
{
    g_clear_pointer(&member->path, g_free);
    g_clear_pointer(&member->target, g_free);
}

MemberRules *member_rules_new(const UnpackLimits *limits)
{
    MemberRules *rules = g_new0(MemberRules, 1);
    rules->limits = *limits;
    rules->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return rules;
}

void member_rules_free(MemberRules *rules)
{
    if (!rules)
        return;
    g_hash_table_unref(rules->seen);
    g_free(rules);
}

gint64 member_rules_files(const MemberRules *rules)
{
    return rules->files;
}

gint64 member_rules_bytes(const MemberRules *rules)
{
    return rules->bytes;
}

static gboolean refuse(GError **error, const char *path, const char *why)
{
    return error_set(error, APPCENTER_ERROR_CORRUPT, "\"%.200s\" %s", path, why);
}

/* ---- names ---- */

static gboolean has_control_bytes(const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((guint8)*c < 0x20 || *c == 0x7f)
            return TRUE;
    }
    return FALSE;
}

gboolean archive_path_check(const char *path, GError **error)
{
    if (!*path)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "an empty name");
    if (strlen(path) > ARCHIVE_MAX_PATH_BYTES)
        return refuse(error, path, "is longer than 4096 bytes");
    if (!g_utf8_validate(path, -1, NULL))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "a name that is not UTF-8");
    if (has_control_bytes(path))
        return refuse(error, path, "has control bytes in its name");
    if (*path == '/')
        return refuse(error, path, "is an absolute path");
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    if (g_strv_length(parts) > ARCHIVE_MAX_DEPTH)
        return refuse(error, path, "lies more than 64 folders deep");
    for (char **part = parts; *part; part++) {
        if (strcmp(*part, "..") == 0)
            return refuse(error, path, "leaves the package");
        if (!**part || strcmp(*part, ".") == 0)
            return refuse(error, path, "is not a normal path");
        if (strlen(*part) > PART_MAX_BYTES)
            return refuse(error, path, "has a part of more than 255 bytes");
    }
    return TRUE;
}

/* "./a/b" and, of a folder, "a/b/" become "a/b"; "." and "./" become "". */
static gboolean normalize(const char *name, gboolean is_directory, char **path, GError **error)
{
    if (!name)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "a name that is not UTF-8");
    if (is_directory && (strcmp(name, ".") == 0 || strcmp(name, "./") == 0)) {
        *path = g_strdup("");
        return TRUE;
    }
    if (g_str_has_prefix(name, "./"))
        name += 2;
    *path = g_strdup(name);
    gsize len = strlen(*path);
    if (is_directory && len > 1 && (*path)[len - 1] == '/')
        (*path)[len - 1] = '\0';
    return archive_path_check(*path, error);
}

/* ---- kinds ---- */

static gboolean take_kind(struct archive_entry *entry, const char *name, MemberKind *kind, GError **error)
{
    if (archive_entry_hardlink(entry) || archive_entry_hardlink_utf8(entry)) {
        *kind = MEMBER_HARDLINK;
        return TRUE;
    }
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        *kind = MEMBER_FILE;
        return TRUE;
    case AE_IFDIR:
        *kind = MEMBER_DIRECTORY;
        return TRUE;
    case AE_IFLNK:
        *kind = MEMBER_SYMLINK;
        return TRUE;
    case AE_IFCHR:
    case AE_IFBLK:
        return refuse(error, name, "is a device");
    case AE_IFIFO:
        return refuse(error, name, "is a fifo");
    default:
        return refuse(error, name, "is neither a file nor a folder nor a link");
    }
}

static gboolean take_mode(struct archive_entry *entry, Member *member, GError **error)
{
    mode_t mode = archive_entry_perm(entry);
    if (member->kind == MEMBER_SYMLINK)
        return TRUE;
    if (mode & 07000)
        return refuse(error, member->path, "is setuid, setgid or sticky");
    member->mode = (mode & ARCHIVE_SAFE_MODE_BITS) | (member->kind == MEMBER_DIRECTORY ? 0700 : 0400);
    return TRUE;
}

/* A time that no clock has is not worth a refusal: such a file gets 1970. */
static void take_time(struct archive_entry *entry, Member *member)
{
    gint64 at = archive_entry_mtime_is_set(entry) ? archive_entry_mtime(entry) : 0;
    long nanoseconds = archive_entry_mtime_nsec(entry);
    gboolean is_sane = at >= 0 && at <= TIME_MAX_S && nanoseconds >= 0 && nanoseconds < 1000000000L;
    member->mtime.tv_sec = is_sane ? at : 0;
    member->mtime.tv_nsec = is_sane ? nanoseconds : 0;
}

/* ---- links ---- */

/* Does a link at path stay in the tree? Only leading ".." are followed here: behind another link a ".." could lead
 * anywhere, so such a target counts as leaving. */
static gboolean target_stays(const char *path, const char *target)
{
    g_auto(GStrv) parts = g_strsplit(target, "/", -1);
    gint depth = 0;
    gboolean is_going_up = TRUE;
    for (const char *c = path; *c; c++)
        depth += *c == '/';
    if (*target == '/')
        return FALSE;
    for (char **part = parts; *part; part++) {
        if (strcmp(*part, "..") == 0) {
            if (!is_going_up || --depth < 0)
                return FALSE;
        } else if (**part && strcmp(*part, ".") != 0) {
            is_going_up = FALSE;
        }
    }
    return TRUE;
}

static gboolean take_symlink(const MemberRules *rules, struct archive_entry *entry, Member *member,
                             GError **error)
{
    const char *target = archive_entry_symlink(entry);
    if (!target || !*target || !g_utf8_validate(target, -1, NULL) || has_control_bytes(target))
        return refuse(error, member->path,
                      "is a symlink to a name that is empty, not UTF-8 or has control bytes");
    if (strlen(target) >= ARCHIVE_MAX_PATH_BYTES)
        return refuse(error, member->path, "is a symlink to a name of 4096 bytes or more");
    if (!rules->limits.links_may_leave && !target_stays(member->path, target))
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "\"%.200s\" is a symlink out of the package, to \"%.200s\"", member->path, target);
    member->target = g_strdup(target);
    return TRUE;
}

static gboolean take_hardlink(const MemberRules *rules, struct archive_entry *entry, Member *member,
                              GError **error)
{
    if (!normalize(archive_entry_hardlink(entry), FALSE, &member->target, error)) {
        g_prefix_error(error, "\"%.200s\" is a hard link: ", member->path);
        return FALSE;
    }
    const Seen *seen = g_hash_table_lookup(rules->seen, member->target);
    if (!seen || seen->kind != MEMBER_FILE)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "\"%.200s\" is a hard link to \"%.200s\", which is no file of the archive so far",
                         member->path, member->target);
    member->size_bytes = seen->size_bytes;
    return TRUE;
}

/* ---- content and limits ---- */

static gboolean take_size(struct archive_entry *entry, Member *member, GError **error)
{
    gint64 size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    if (size < 0)
        return refuse(error, member->path, "has a negative size");
    if (archive_entry_sparse_reset(entry) > 0)
        return refuse(error, member->path, "is a sparse file");
    if (member->kind != MEMBER_FILE && size > 0)
        return refuse(error, member->path, "has content, but is no plain file");
    member->size_bytes = size;
    return TRUE;
}

static gboolean count(MemberRules *rules, const Member *member, GError **error)
{
    if (member->size_bytes > rules->limits.max_bytes - rules->bytes)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "\"%.200s\": wanted at most %" G_GINT64_FORMAT " bytes in all files, found more",
                         member->path, rules->limits.max_bytes);
    rules->bytes += member->size_bytes;
    return TRUE;
}

static gboolean remember(MemberRules *rules, const char *path, const Member *member, GError **error)
{
    Seen *seen = g_new0(Seen, 1);
    seen->kind = member ? member->kind : MEMBER_DIRECTORY;
    seen->kind = seen->kind == MEMBER_HARDLINK ? MEMBER_FILE : seen->kind; /* it becomes a copy */
    seen->is_implied = !member;
    seen->size_bytes = member ? member->size_bytes : 0;
    g_hash_table_replace(rules->seen, g_strdup(path), seen);
    if (*path && ++rules->files > rules->limits.max_files)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "wanted at most %" G_GINT64_FORMAT " files, links and folders, found more",
                         rules->limits.max_files);
    return TRUE;
}

/* Every folder above is a folder, or becomes one now. */
static gboolean check_parents(MemberRules *rules, const char *path, GError **error)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        g_autofree char *parent = g_strndup(path, (gsize)(slash - path));
        const Seen *seen = g_hash_table_lookup(rules->seen, parent);
        if (seen && seen->kind != MEMBER_DIRECTORY)
            return error_set(error, APPCENTER_ERROR_CORRUPT,
                             "\"%.200s\" lies below \"%.200s\", which is no folder", path, parent);
        if (!seen && !remember(rules, parent, NULL, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean check_double(MemberRules *rules, const Member *member, GError **error)
{
    const Seen *seen = g_hash_table_lookup(rules->seen, member->path);
    if (!seen)
        return TRUE;
    if (!seen->is_implied || member->kind != MEMBER_DIRECTORY)
        return refuse(error, member->path, "is in the archive twice");
    rules->files--; /* was counted when it was implied */
    return TRUE;
}

gboolean member_rules_admit(MemberRules *rules, struct archive_entry *entry, Member *member, GError **error)
{
    const char *name = archive_entry_pathname(entry);
    *member = (Member){0};
    if (!take_kind(entry, name ? name : "", &member->kind, error) ||
        !normalize(name, member->kind == MEMBER_DIRECTORY, &member->path, error) ||
        !take_mode(entry, member, error) || !take_size(entry, member, error))
        return FALSE;
    if (member->kind == MEMBER_SYMLINK && !take_symlink(rules, entry, member, error))
        return FALSE;
    if (member->kind == MEMBER_HARDLINK && !take_hardlink(rules, entry, member, error))
        return FALSE;
    take_time(entry, member);
    return check_double(rules, member, error) && check_parents(rules, member->path, error) &&
           count(rules, member, error) && remember(rules, member->path, member, error);
}
