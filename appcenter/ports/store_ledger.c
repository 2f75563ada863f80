/* store_ledger.c - the reason ledger: every offer decided afresh from what the tables hold now.
 *
 * Hides how an OfferFacts is put together. The verdicts are derived data: when they cannot be written (a full disk,
 * somebody's lock) they are still answered.
 */
#include <string.h>

#include "ports/store_internal.h"

/* What one repository says about releases. */
typedef struct {
    Brake *brake; /* or NULL */
    gboolean is_expired;
} RepositoryFacts;

typedef struct {
    Store *store;
    const SettingsValues *settings;
    const BoxFacts *box;
    Window *window;
    gint64 now;
    GHashTable *repositories; /* name -> RepositoryFacts */
    GPtrArray *installed;     /* InstalledApp* */
} Ledger;

static void repository_facts_free(gpointer data)
{
    RepositoryFacts *facts = data;
    brake_free(facts->brake);
    g_free(facts);
}

static void ledger_clear(Ledger *ledger)
{
    g_clear_pointer(&ledger->window, window_free);
    g_clear_pointer(&ledger->repositories, g_hash_table_unref);
    g_clear_pointer(&ledger->installed, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Ledger, ledger_clear)

/* A brake that cannot be read could have said stop: nothing new is believed then. */
static RepositoryFacts *repository_facts_new(const StoreRepo *repo, gint64 now)
{
    RepositoryFacts *facts = g_new0(RepositoryFacts, 1);
    facts->is_expired = repo->expires_at != 0 && repo->expires_at <= now;
    if (repo->brake_json == NULL)
        return facts;
    g_autoptr(GError) error = NULL;
    facts->brake = brake_parse(repo->brake_json, strlen(repo->brake_json), &error);
    if (facts->brake == NULL) {
        log_warning("store", "%s: %s", repo->name, error->message);
        facts->is_expired = TRUE;
    }
    return facts;
}

static gboolean ledger_init(Ledger *ledger, GError **error)
{
    const SettingsValues *settings = ledger->settings;
    ledger->window = window_parse(settings->timer, settings->timezone, settings->blackout, error);
    if (ledger->window == NULL)
        return FALSE;
    ledger->installed = store_installed(ledger->store, error);
    if (ledger->installed == NULL)
        return FALSE;
    g_autoptr(GPtrArray) repos = store_repos(ledger->store, error);
    if (repos == NULL)
        return FALSE;
    ledger->repositories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, repository_facts_free);
    for (guint i = 0; i < repos->len; i++) {
        const StoreRepo *repo = g_ptr_array_index(repos, i);
        g_hash_table_insert(ledger->repositories, g_strdup(repo->name),
                            repository_facts_new(repo, ledger->now));
    }
    return TRUE;
}

static const RepositoryFacts *repository_facts(const Ledger *ledger, const char *repository)
{
    static const RepositoryFacts unknown = {0};
    const RepositoryFacts *facts =
        repository != NULL ? g_hash_table_lookup(ledger->repositories, repository) : NULL;
    return facts != NULL ? facts : &unknown;
}

/* A withdrawal of what is installed, by the repository that it came from; an app that came from a file is judged by the
 * repository that now offers for it. */
static const BrakeEntry *installed_withdrawal(const Ledger *ledger, const StoreOffer *offer)
{
    const InstalledApp *app = installed_find(ledger->installed, offer->app);
    if (app == NULL)
        return NULL;
    const char *repository = app->repository != NULL ? app->repository : offer->release->repository;
    const BrakeEntry *entry =
        brake_find(repository_facts(ledger, repository)->brake, app->name, app->version, app->arch);
    return entry != NULL && entry->action == BRAKE_WITHDRAW ? entry : NULL;
}

static void decide(const Ledger *ledger, const StoreOffer *offer, const char *superseded_by,
                   PolicyVerdict *verdict)
{
    Store *store = ledger->store;
    const Release *release = offer->release;
    const RepositoryFacts *repository = repository_facts(ledger, release->repository);
    g_autoptr(Hold) hold = store_hold_for(store, offer->app, ledger->now);
    g_autoptr(StoreVeto) veto = store_veto_get(store, offer->app, release->version);
    OfferFacts facts = {
        .release = release,
        .installed_version = offer->installed_version,
        .cls = offer->cls,
        .urgent_at = offer->urgent_at,
        .install_within_s = offer->install_within_s,
        .pulled_in_by = offer->pulled_in_by,
        .hold = hold,
        .is_skipped = store_is_skipped(store, offer->app, release->version),
        .veto_until = veto != NULL ? veto->until : 0,
        .veto_cause = veto != NULL ? veto->cause : NULL,
        .brake = brake_find(repository->brake, release->name, release->version, release->arch),
        .installed_brake = installed_withdrawal(ledger, offer),
        .problem = offer->problem,
        .problem_is_os = offer->problem_is_os,
        .publisher_differs = offer->publisher_differs,
        .cohort_permyriad = offer->cohort_permyriad,
        .metadata_expired = repository->is_expired,
        .superseded_by = superseded_by,
        .box = ledger->box,
    };
    policy_decide(&facts, ledger->settings, ledger->window, ledger->now, verdict);
}

/* Puts the verdict into the offer; TRUE when it is not what the row says. */
static gboolean take_verdict(StoreOffer *offer, PolicyVerdict *verdict)
{
    gboolean is_changed = offer->sentence == NULL || offer->verdict != verdict->verdict ||
                          offer->code != verdict->code || offer->at != verdict->at ||
                          offer->deadline != verdict->deadline || offer->offered_at != verdict->offered_at ||
                          g_strcmp0(offer->sentence, verdict->sentence) != 0;
    offer->verdict = verdict->verdict;
    offer->code = verdict->code;
    offer->at = verdict->at;
    offer->deadline = verdict->deadline;
    offer->offered_at = verdict->offered_at;
    g_free(offer->sentence);
    offer->sentence = g_steal_pointer(&verdict->sentence);
    return is_changed;
}

static gboolean write_verdict(Store *store, const StoreOffer *offer, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "offer_decide");
    query_bind_text(&query, ":app", offer->app);
    query_bind_text(&query, ":version", offer->release->version);
    query_bind_text(&query, ":verdict", verdict_name(offer->verdict));
    query_bind_text(&query, ":reason", reason_code_name(offer->code));
    query_bind_text(&query, ":sentence", offer->sentence);
    query_bind_integer(&query, ":at", offer->at);
    query_bind_integer(&query, ":deadline", offer->deadline);
    query_bind_integer(&query, ":offered_at", offer->offered_at);
    return query_run(&query, error);
}

static gboolean write_verdicts(Store *store, GPtrArray *changed, GError **error)
{
    g_auto(StoreScope) scope = {0};
    if (changed->len == 0)
        return TRUE;
    if (!store_scope_enter(&scope, store, error))
        return FALSE;
    for (guint i = 0; i < changed->len; i++)
        if (!write_verdict(store, g_ptr_array_index(changed, i), error))
            return FALSE;
    return store_scope_leave(&scope, error);
}

/* Decides one row after the other; chosen is the one to take of the app at hand. */
static void decide_all(const Ledger *ledger, GPtrArray *offers, GPtrArray *changed)
{
    const StoreOffer *chosen = NULL;
    for (guint i = 0; i < offers->len; i++) {
        StoreOffer *offer = g_ptr_array_index(offers, i);
        g_auto(PolicyVerdict) verdict = {0};
        offer->is_other = chosen != NULL && strcmp(chosen->app, offer->app) == 0;
        if (!offer->is_other)
            chosen = offer;
        decide(ledger, offer, offer->is_other ? chosen->release->version : NULL, &verdict);
        if (take_verdict(offer, &verdict))
            g_ptr_array_add(changed, offer);
    }
}

GPtrArray *store_ledger_all(Store *store, const Settings *settings, const BoxFacts *box, gint64 now,
                            GError **error)
{
    g_auto(Ledger) ledger = {.store = store, .settings = settings_values(settings), .box = box, .now = now};
    if (!ledger_init(&ledger, error))
        return NULL;
    g_auto(Query) query = query_open(&store->state, "offer_list");
    g_autoptr(GPtrArray) offers =
        query_rows(&query, store_row_offer, (GDestroyNotify)store_offer_free, error);
    if (offers == NULL)
        return NULL;
    g_autoptr(GPtrArray) changed = g_ptr_array_new();
    g_autoptr(GError) not_written = NULL;
    decide_all(&ledger, offers, changed);
    if (!write_verdicts(store, changed, &not_written))
        log_warning("store", "ledger: %s", not_written->message);
    return g_steal_pointer(&offers);
}

GPtrArray *store_ledger(Store *store, const Settings *settings, const BoxFacts *box, gint64 now,
                        GError **error)
{
    GPtrArray *offers = store_ledger_all(store, settings, box, now, error);
    for (guint i = offers != NULL ? offers->len : 0; i-- > 0;)
        if (((StoreOffer *)g_ptr_array_index(offers, i))->is_other)
            g_ptr_array_remove_index(offers, i);
    return offers;
}
