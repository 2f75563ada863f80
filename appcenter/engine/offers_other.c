/* offers_other.c - the newer releases of an app that are not the one to take: a row of the ledger each, behind its.
 *
 * An owner who sees a version in the catalogue finds why it is not the one. What is newer than the one to take is probed for
 * what is in its way, a few for an app at most; a fix comes before what fixes nothing, so nothing is in the way of that.
 */
#include "engine/plan_view.h"

#include <string.h>

#define PROBES_MAX 4

static gboolean has_row(const GPtrArray *rows, const char *app, const char *version)
{
    for (guint i = 0; i < rows->len; i++) {
        const StoreOffer *row = g_ptr_array_index(rows, i);
        if (strcmp(row->app, app) == 0 && version_compare(row->release->version, version) == 0)
            return TRUE;
    }
    return FALSE;
}

/* Would it be the one to take if nothing were in its way? */
static gboolean is_in_question(const PlanView *view, const StoreOffer *other, const StoreOffer *chosen)
{
    const Release *release = plan_view_find(view, other->app, other->release->version);
    return release && version_compare(release->version, chosen->release->version) > 0 &&
           (urgency_class_is_security(other->cls) || !urgency_class_is_security(chosen->cls)) &&
           !other->publisher_differs && plan_view_mark(view, release) < MARK_HALTED;
}

static StoreOffer *new_other(const PlanView *view, const InstalledApp *app, const Release *release)
{
    StoreOffer *other = offer_new(view, app, release);
    other->urgent_at = release->urgency ? release->urgency->urgent_at : 0;
    other->install_within_s = release->urgency ? release->urgency->install_within_s : 0;
    other->publisher_differs = g_strcmp0(app->publisher, release->publisher) != 0;
    return other;
}

static void add_others_of(const PlanView *view, const StoreOffer *chosen, GPtrArray *rows)
{
    const InstalledApp *app = installed_find(view->installed, chosen->app);
    g_autoptr(GPtrArray) newer = app ? plan_view_newer(view, app) : g_ptr_array_new();
    guint n_probes = 0;
    for (guint i = 0; i < newer->len; i++) {
        const Release *release = g_ptr_array_index(newer, i);
        if (has_row(rows, chosen->app, release->version))
            continue;
        StoreOffer *other = new_other(view, app, release);
        if (n_probes < PROBES_MAX && is_in_question(view, other, chosen)) {
            other->problem = plan_probe(view, release, other->cls, MARK_SKIPPED, &other->problem_is_os);
            n_probes++;
        }
        g_ptr_array_add(rows, other);
    }
}

GPtrArray *offers_with_others(const PlanView *view, GPtrArray *offers)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)store_offer_free);
    while (offers->len > 0) {
        StoreOffer *chosen = g_ptr_array_steal_index(offers, 0);
        g_ptr_array_add(rows, chosen);
        add_others_of(view, chosen, rows);
    }
    return rows;
}
