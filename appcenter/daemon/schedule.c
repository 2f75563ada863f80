/* schedule.c - what is due now and when to look again; see schedule.h. */
#include "daemon/schedule.h"

#include <arpa/inet.h>
#include <string.h>

#define COOLDOWN_MIN_S 5
#define COOLDOWN_MAX_S 600

gboolean schedule_url_is_local(const char *url)
{
    if (g_str_has_prefix(url, "file:"))
        return TRUE;
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    const char *host = uri ? g_uri_get_host(uri) : NULL;
    struct in_addr address;
    if (!host)
        return FALSE;
    if (inet_pton(AF_INET, host, &address) == 1)
        return ntohl(address.s_addr) >> 24 == 127;
    return g_str_equal(host, "localhost") || g_str_equal(host, "::1");
}

static char *cooldown_key(const char *app, const char *version)
{
    return g_strdup_printf("%s=%s", app, version ? version : "");
}

void schedule_cooldown_init(ScheduleCooldown *cooldown)
{
    cooldown->until = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void schedule_cooldown_clear(ScheduleCooldown *cooldown)
{
    g_clear_pointer(&cooldown->until, g_hash_table_unref);
}

static gboolean is_past(gpointer key, gpointer value, gpointer user_data)
{
    (void)key;
    return *(const gint64 *)value <= *(const gint64 *)user_data;
}

void schedule_cooldown_add(ScheduleCooldown *cooldown, const Request *request, gint64 until, gint64 now)
{
    g_hash_table_foreach_remove(cooldown->until, is_past, &now);
    for (guint i = 0; i < request->apps->len; i++) {
        const RequestApp *app = request->apps->pdata[i];
        gint64 *value = g_new(gint64, 1);
        *value = until;
        g_hash_table_insert(cooldown->until, cooldown_key(app->name, app->version), value);
    }
}

gint64 schedule_cooldown_s(const SettingsValues *settings)
{
    return CLAMP(settings->poll_s, COOLDOWN_MIN_S, COOLDOWN_MAX_S);
}

/* A cooldown never is this long: the clock was set back since. */
static gint64 sane_until(gint64 until, gint64 now)
{
    return until - now > COOLDOWN_MAX_S ? 0 : until;
}

static gint64 cooldown_of(const ScheduleCooldown *cooldown, const StoreOffer *offer, gint64 now)
{
    g_autofree char *key = cooldown_key(offer->app, offer->release->version);
    const gint64 *until = g_hash_table_lookup(cooldown->until, key);
    return until ? sane_until(*until, now) : 0;
}

static gboolean all_are_local(GPtrArray *configs)
{
    for (guint i = 0; i < configs->len; i++) {
        const RepositoryConfig *config = configs->pdata[i];
        if (!config->enabled)
            continue;
        if (!schedule_url_is_local(config->url))
            return FALSE;
        for (char **mirror = config->mirrors; *mirror; mirror++)
            if (!schedule_url_is_local(*mirror))
                return FALSE;
    }
    return TRUE;
}

gint64 schedule_refresh_at(const ScheduleFacts *facts, const StoreRepo *repo, gint64 now)
{
    gint64 ours = facts->cooldown->refreshed_at <= now ? facts->cooldown->refreshed_at : 0;
    PollFacts poll = {.last_at = MAX(repo->last_refresh_at, ours),
                      .n_failures = repo->n_failures,
                      .retry_after_at = repo->retry_after_at,
                      .all_local = all_are_local(facts->configs),
                      .awake_since = facts->awake_since,
                      .quiet_until = facts->quiet_until,
                      .seed = facts->seed};
    return MAX(poll_next_at(&poll, facts->settings, now), sane_until(facts->cooldown->refresh_until, now));
}

/* 0: nothing to poll. */
static gint64 next_refresh(const ScheduleFacts *facts, gint64 now)
{
    gint64 next = 0;
    for (guint i = 0; i < facts->repos->len; i++) {
        gint64 at = schedule_refresh_at(facts, facts->repos->pdata[i], now);
        if (next == 0 || at < next)
            next = at;
    }
    return next;
}

/* The server of its archive asked for peace until then; 0: it did not. */
static gint64 peace_of(const ScheduleFacts *facts, const StoreOffer *offer, gint64 now)
{
    for (guint i = 0; i < facts->repos->len; i++) {
        const StoreRepo *repo = facts->repos->pdata[i];
        if (g_strcmp0(repo->name, offer->release->repository) == 0)
            return poll_retry_after(repo->retry_after_at, now);
    }
    return 0;
}

/* Which of the three the transaction is told to have been triggered by. */
static const char *trigger_of(const StoreOffer *offer)
{
    switch (offer->code) {
    case REASON_EMERGENCY:
        return "emergency";
    case REASON_DEADLINE:
        return "deadline";
    default:
        return offer->cls == CLASS_EMERGENCY ? "emergency" : "window";
    }
}

/* An emergency does not wait for ordinary updates to be solved with it: one request has one trigger, the
 * gravest first. */
static int trigger_rank(const char *trigger)
{
    return g_str_equal(trigger, "emergency") ? 2 : g_str_equal(trigger, "deadline") ? 1 : 0;
}

static void add_offer(ScheduleDecision *decision, const StoreOffer *offer)
{
    const char *trigger = trigger_of(offer);
    if (decision->request && trigger_rank(decision->request->trigger) > trigger_rank(trigger))
        return;
    if (decision->request && trigger_rank(decision->request->trigger) < trigger_rank(trigger))
        g_clear_pointer(&decision->request, request_free);
    if (!decision->request) {
        decision->request = request_new(REQUEST_AUTO);
        g_free(decision->request->trigger);
        decision->request->trigger = g_strdup(trigger);
    }
    request_add_app(decision->request, offer->app, offer->release->version);
}

void schedule_decide(const ScheduleFacts *facts, gint64 now, ScheduleDecision *decision)
{
    *decision = (ScheduleDecision){.wake_at = now + SCHEDULE_MAX_SLEEP_S};
    gint64 refresh_at = next_refresh(facts, now);
    decision->refresh_is_due = refresh_at != 0 && refresh_at <= now;
    if (refresh_at > now)
        decision->wake_at = MIN(decision->wake_at, refresh_at);
    for (guint i = 0; i < facts->offers->len; i++) {
        const StoreOffer *offer = facts->offers->pdata[i];
        gint64 wait_until = MAX(cooldown_of(facts->cooldown, offer, now), peace_of(facts, offer, now));
        if (offer->verdict == VERDICT_NOW && wait_until <= now)
            add_offer(decision, offer);
        else if (offer->verdict == VERDICT_NOW)
            decision->wake_at = MIN(decision->wake_at, wait_until);
        else if (offer->at > now)
            decision->wake_at = MIN(decision->wake_at, offer->at);
    }
}
