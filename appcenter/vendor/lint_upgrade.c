/* lint_upgrade.c - the way to a package from what its repository offers already. */
#include <fcntl.h>
#include <string.h>

#include "vendor/lint.h"

static const char *text_of(const json_t *release, const char *member)
{
    return json_string_value(json_object_get(release, member));
}

/* The newest release of that name for that architecture, this very archive left out; NULL: none. */
static json_t *newest(const Lint *lint, const Repo *repo)
{
    gsize i;
    json_t *release, *best = NULL;
    json_array_foreach(json_object_get(repo->world, "releases"), i, release)
    {
        if (g_strcmp0(text_of(release, "name"), lint->info->package->identity->name) == 0 &&
            g_strcmp0(text_of(release, "arch"), lint->info->package->arch) == 0 &&
            g_strcmp0(text_of(release, "sha256"), lint->info->sha256) != 0 &&
            (!best || version_compare(text_of(release, "version"), text_of(best, "version")) > 0))
            best = release;
    }
    return best;
}

static void check_version(const Lint *lint, const json_t *before)
{
    const char *version = lint->info->package->identity->version;
    int order = version_compare(version, text_of(before, "version"));
    if (order == 0)
        lint_error(lint, "upgrade", "give it a new version", "%s is in the repository with other content",
                   version);
    else if (order < 0)
        lint_warning(lint, "upgrade", "give it a newer version, or withdraw the other with --go-back-to",
                     "%s is older than %s, which the repository has: no box takes it", version,
                     text_of(before, "version"));
}

static void check_firmware(const Lint *lint, const json_t *before)
{
    const char *now = lint->info->package->identity->os_min, *then = text_of(before, "os_min");
    if (now && (!then || version_compare(now, then) > 0))
        lint_warning(lint, "upgrade", "keep a line of fixes for older firmware, if you still support it",
                     "boxes with firmware older than %s stay at %s", now, text_of(before, "version"));
}

/* --- what it needs must be there --- */

static gboolean is_offered(const Repo *repo, const RequireTerm *term)
{
    gsize i;
    json_t *release;
    if (g_str_equal(term->name, "QNAP_FW"))
        return TRUE;
    json_array_foreach(json_object_get(repo->world, "releases"), i,
                       release) if (require_term_matches(term, text_of(release, "name"),
                                                         text_of(release, "version"))) return TRUE;
    return FALSE;
}

static void check_requirements(const Lint *lint, const Repo *repo)
{
    for (char **text = lint->info->package->identity->requires; *text; text++) {
        gboolean is_met = FALSE;
        g_autoptr(Requirement) item = requirement_parse(*text, NULL);
        for (guint i = 0; item && !is_met && i < item->terms->len; i++)
            is_met = is_offered(repo, item->terms->pdata[i]);
        if (!is_met)
            lint_error(lint, "requires", "add that release first",
                       "%s: no release in the repository meets it", *text);
    }
}

static gboolean forbids(const char *conflict, const char *name, const char *version)
{
    g_autoptr(Requirement) item = requirement_parse(conflict, NULL);
    for (guint i = 0; item && i < item->terms->len; i++)
        if (require_term_matches(item->terms->pdata[i], name, version))
            return TRUE;
    return FALSE;
}

static void check_conflicts(const Lint *lint, const json_t *before)
{
    for (char **text = lint->info->package->identity->conflicts; *text; text++)
        if (forbids(*text, text_of(before, "name"), text_of(before, "version")))
            lint_error(lint, "upgrade", "offer a version in between, or take the conflict out",
                       "%s: no box can be upgraded from %s", *text, text_of(before, "version"));
}

/* --- what it leaves out --- */

static gboolean lists(char **files, const char *file)
{
    return g_strv_contains((const char *const *)files, file);
}

static gboolean check_configs(const Lint *lint, const Repo *repo, const json_t *before, GError **error)
{
    g_autofree char *served = g_strconcat("/public/", text_of(before, "path"), NULL);
    g_autofree char *waiting = g_strconcat("/draft/", text_of(before, "path"), NULL);
    g_auto(Fd) fd =
        root_dir_openat(repo->dir, root_dir_exists(repo->dir, served) ? served : waiting, O_RDONLY, 0, error);
    g_autoptr(Package) old = fd < 0 ? NULL : package_open(fd_steal(&fd), text_of(before, "arch"), error);
    if (!old) {
        g_prefix_error(error, "%s %s in the repository: ", text_of(before, "name"),
                       text_of(before, "version"));
        return FALSE;
    }
    for (char **file = old->identity->config_files; *file; file++)
        if (!lists(lint->info->package->identity->config_files, *file))
            lint_warning(
                lint, "upgrade", "list it again in QPKG_CONFIG, unless it is of no use any more",
                "%s was a config file in %s: a copy that its owner changed stays and counts for nothing",
                *file, old->identity->version);
    return TRUE;
}

gboolean lint_upgrade(const Lint *lint, const Repo *repo, GError **error)
{
    const json_t *before = newest(lint, repo);
    check_requirements(lint, repo);
    if (!before)
        return TRUE;
    check_version(lint, before);
    check_firmware(lint, before);
    check_conflicts(lint, before);
    return check_configs(lint, repo, before, error);
}
