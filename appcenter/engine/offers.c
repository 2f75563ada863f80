/* offers.c - for every installed app the one release to take next, with what policy must know to judge it.
 *
 * What an urgent fix pulls in gets an offer too, with the fix's class and clock. A withdrawn version's offer is where the
 * vendor sends those who have it, unless that is open to an advisory. The judging itself is the ledger's.
 */
#include "engine/plan_view.h"

#include <string.h>

StoreOffer *offer_new(const PlanView *view, const InstalledApp *app, const Release *release)
{
    StoreOffer *offer = g_new0(StoreOffer, 1);
    offer->app = g_strdup(app->name);
    offer->installed_version = g_strdup(app->version);
    offer->release = release_copy(release);
    offer->cls = release_class(release);
    offer->cohort_permyriad = engine_permyriad(view->engine, release->rollout);
    return offer;
}

static StoreOffer *offer_of_choice(const PlanView *view, const InstalledApp *app, Choice *choice)
{
    StoreOffer *offer = offer_new(view, app, choice->release);
    offer->cls = choice->cls;
    offer->urgent_at = choice->urgent_at;
    offer->install_within_s = choice->install_within_s;
    offer->problem = g_steal_pointer(&choice->problem);
    offer->problem_is_os = choice->problem_is_os;
    offer->publisher_differs = choice->publisher_differs;
    return offer;
}

/* ---- withdrawn versions ---- */

/* Where the vendor sends those who have the withdrawn version, if one may go there. */
static const Release *way_back(const PlanView *view, const InstalledApp *app, const BrakeEntry *withdrawal)
{
    const Release *release =
        withdrawal->go_back_to ? plan_view_find(view, app->name, withdrawal->go_back_to) : NULL;
    if (!release || plan_view_mark(view, release) >= MARK_HALTED ||
        version_compare(release->version, app->version) >= 0)
        return NULL; /* forward is no way back: the brake only denies */
    return plan_view_is_affected(view, release->name, release->version) ? NULL : release;
}

static StoreOffer *offer_of_withdrawn(const PlanView *view, const InstalledApp *app,
                                      const BrakeEntry *withdrawal)
{
    const Release *release = way_back(view, app, withdrawal);
    if (release) {
        StoreOffer *offer = offer_new(view, app, release);
        offer->problem = plan_probe(view, release, CLASS_NORMAL, MARK_PHASE, &offer->problem_is_os);
        return offer;
    }
    release = plan_view_find(view, app->name, app->version);
    return release ? offer_new(view, app, release) : NULL;
}

/* A fix that can be had is the better way out; nothing newer is needed to say that there is no way. */
static StoreOffer *make_offer(const PlanView *view, const InstalledApp *app)
{
    g_auto(Choice) choice = {0};
    plan_choose(view, app, MARK_FREE, FALSE, &choice);
    const BrakeEntry *withdrawal = plan_view_withdrawal(view, app);
    gboolean is_way_out = choice.release && !choice.problem && !choice.publisher_differs &&
                          plan_view_mark(view, choice.release) < MARK_HALTED;
    if (withdrawal && !(is_way_out && urgency_class_is_security(choice.cls))) {
        StoreOffer *offer =
            is_way_out && !way_back(view, app, withdrawal) ? NULL : offer_of_withdrawn(view, app, withdrawal);
        if (offer)
            return offer;
    }
    return choice.release ? offer_of_choice(view, app, &choice) : NULL;
}

/* ---- what a fix pulls in ---- */

static StoreOffer *find_offer(const GPtrArray *offers, const char *app)
{
    for (guint i = 0; i < offers->len; i++) {
        StoreOffer *offer = g_ptr_array_index(offers, i);
        if (strcmp(offer->app, app) == 0)
            return offer;
    }
    return NULL;
}

/* The pulled version takes the row of the app, unless a graver fix of its own stands there. */
static void add_pulled(const PlanView *view, const PlanChange *change, const StoreOffer *fix,
                       GPtrArray *offers)
{
    const InstalledApp *app = installed_find(view->installed, change->app);
    StoreOffer *own = find_offer(offers, change->app);
    if (!app || !change->release || (own && own->cls >= fix->cls))
        return;
    StoreOffer *offer = offer_new(view, app, change->release);
    offer->cls = fix->cls;
    offer->urgent_at = fix->urgent_at;
    offer->install_within_s = fix->install_within_s;
    offer->pulled_in_by = g_strdup(fix->app);
    if (own)
        g_ptr_array_remove(offers, own);
    g_ptr_array_add(offers, offer);
}

static void add_all_pulled(const PlanView *view, const StoreOffer *fix, GPtrArray *offers)
{
    g_autoptr(Request) request = request_new(REQUEST_AUTO);
    request_add_app(request, fix->app, fix->release->version);
    g_autoptr(GPtrArray) locked = plan_view_locked(view, fix->cls == CLASS_EMERGENCY);
    g_autoptr(GPtrArray) available = plan_view_available(view, MARK_PHASE, request);
    SolveInput input = {.installed = view->installed,
                        .available = available,
                        .os_version = view->engine->os_version,
                        .box_arch = view->engine->arch,
                        .request = request,
                        .locked = locked};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) changes = solve(&input, NULL, &error);
    if (!changes)
        log_warning("offers", "%s %s: %s", fix->app, fix->release->version, error->message);
    for (guint i = 0; changes && i < changes->len; i++) {
        const PlanChange *change = g_ptr_array_index(changes, i);
        if (strcmp(change->app, fix->app) != 0)
            add_pulled(view, change, fix, offers);
    }
}

static gboolean pulls(const PlanView *view, const StoreOffer *offer)
{
    const Release *release = plan_view_find(view, offer->app, offer->release->version);
    return urgency_class_is_security(offer->cls) && !offer->problem && !offer->publisher_differs &&
           !offer->pulled_in_by && release && plan_view_mark(view, release) < MARK_HALTED &&
           version_compare(offer->release->version, offer->installed_version) > 0;
}

static int compare_gravest_first(gconstpointer a, gconstpointer b)
{
    const StoreOffer *offer_a = *(StoreOffer *const *)a;
    const StoreOffer *offer_b = *(StoreOffer *const *)b;
    return offer_a->cls != offer_b->cls ? (int)offer_b->cls - (int)offer_a->cls
                                        : strcmp(offer_a->app, offer_b->app);
}

static void add_pulled_in(const PlanView *view, GPtrArray *offers)
{
    g_autoptr(GPtrArray) fixes = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_sort(offers, compare_gravest_first);
    for (guint i = 0; i < offers->len; i++)
        if (pulls(view, g_ptr_array_index(offers, i)))
            g_ptr_array_add(fixes, g_strdup(((StoreOffer *)g_ptr_array_index(offers, i))->app));
    for (guint i = 0; i < fixes->len; i++) {
        const StoreOffer *fix = find_offer(offers, g_ptr_array_index(fixes, i));
        if (fix && !fix->pulled_in_by)
            add_all_pulled(view, fix, offers);
    }
}

/* ---- all ---- */

static int compare_apps(gconstpointer a, gconstpointer b)
{
    return strcmp((*(StoreOffer *const *)a)->app, (*(StoreOffer *const *)b)->app);
}

static void log_summary(const GPtrArray *offers)
{
    guint n_security = 0, n_emergency = 0;
    for (guint i = 0; i < offers->len; i++) {
        const StoreOffer *offer = g_ptr_array_index(offers, i);
        n_security += urgency_class_is_security(offer->cls);
        n_emergency += offer->cls == CLASS_EMERGENCY;
    }
    log_debug("offers", "%u wait, %u security, %u emergency", offers->len, n_security, n_emergency);
}

gboolean engine_make_offers(Engine *engine, GError **error)
{
    g_autoptr(PlanView) view = plan_view_new(engine, NULL, error);
    if (!view)
        return FALSE;
    g_autoptr(GPtrArray) offers = g_ptr_array_new_with_free_func((GDestroyNotify)store_offer_free);
    for (guint i = 0; i < view->installed->len; i++) {
        StoreOffer *offer = make_offer(view, g_ptr_array_index(view->installed, i));
        if (offer)
            g_ptr_array_add(offers, offer);
    }
    add_pulled_in(view, offers);
    g_ptr_array_sort(offers, compare_apps);
    log_summary(offers);
    g_autoptr(GPtrArray) rows = offers_with_others(view, offers);
    if (!store_offers_replace(engine->store, rows, error))
        return FALSE;
    g_auto(BoxFacts) box = system_box_facts(engine->root, engine_now(engine));
    g_autoptr(GPtrArray) ledger =
        store_ledger(engine->store, engine->settings, &box, engine_now(engine), error);
    return ledger != NULL;
}
