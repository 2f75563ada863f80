/* plan_fixes.c - what advisories say of the releases in a view: the one that fixes what is installed here counts as urgent as
 * the advisory, whether the vendor marked it or not.
 *
 * Of several releases that an advisory does not affect the lowest is its fix, as plan_choose.c has it for marks: a feature
 * release above it is none. Only the advisories of a release's own repository count, and a fix that can be taken comes
 * before one that the vendor stopped or that wants another system.
 */
#include "engine/plan_view.h"

#include <string.h>

static gboolean os_fits(const PlanView *view, const Release *release)
{
    const char *os = view->engine->os_version;
    if (!os || !*os)
        return TRUE;
    return (!release->os_min || version_compare(os, release->os_min) >= 0) &&
           (!release->os_max || version_compare(os, release->os_max) <= 0);
}

static gboolean may_be_taken(const PlanView *view, const Release *release)
{
    return plan_view_mark(view, release) < MARK_HALTED && os_fits(view, release);
}

static gboolean is_fixed_by(const PlanView *view, const InstalledApp *app, const Advisory *advisory,
                            const Release *release)
{
    return g_strcmp0(release->publisher, app->publisher) == 0 &&
           g_strcmp0(release->repository, advisory->repository) == 0 &&
           !advisory_affects(advisory, app->name, release->version, view->engine->os_version, NULL);
}

/* newer: newest first. */
static Release *find_fix(const PlanView *view, const InstalledApp *app, const Advisory *advisory,
                         const GPtrArray *newer)
{
    Release *lowest = NULL, *lowest_free = NULL;
    for (guint i = 0; i < newer->len; i++) {
        Release *release = g_ptr_array_index(newer, i);
        if (!is_fixed_by(view, app, advisory, release))
            continue;
        lowest = release;
        if (may_be_taken(view, release))
            lowest_free = release;
    }
    return lowest_free ? lowest_free : lowest;
}

static void add_id(Urgency *urgency, const char *id)
{
    if (g_strv_contains((const char *const *)urgency->advisories, id))
        return;
    g_autoptr(GStrvBuilder) ids = g_strv_builder_new();
    g_strv_builder_addv(ids, (const char **)urgency->advisories);
    g_strv_builder_add(ids, id);
    g_strfreev(urgency->advisories);
    urgency->advisories = g_strv_builder_end(ids);
}

/* A clock that starts with the advisory: but not before there was something to install. */
static void lend_urgency(Release *release, const Advisory *advisory)
{
    gint64 urgent_at = MAX(advisory->published_at, release->published_at);
    Urgency *urgency = release->urgency;
    if (!urgency) {
        urgency = g_new0(Urgency, 1);
        urgency->cls = release_class(release); /* of one without a mark */
        release->urgency = urgency;
        urgency->urgent_at = urgent_at;
        urgency->advisories = g_new0(char *, 1);
    }
    if (urgency->cls < advisory->cls) {
        urgency->cls = advisory->cls;
        urgency->urgent_at = urgent_at;
    }
    add_id(urgency, advisory->id);
}

void plan_view_lend_urgency(PlanView *view)
{
    for (guint i = 0; i < view->installed->len; i++) {
        const InstalledApp *app = g_ptr_array_index(view->installed, i);
        g_autoptr(GPtrArray) newer = NULL;
        for (guint j = 0; j < view->advisories->len; j++) {
            const Advisory *advisory = g_ptr_array_index(view->advisories, j);
            if (!advisory_affects(advisory, app->name, app->version, view->engine->os_version, NULL))
                continue;
            if (!newer)
                newer = plan_view_newer(view, app);
            Release *fix = find_fix(view, app, advisory, newer);
            if (fix)
                lend_urgency(fix, advisory);
        }
    }
}
