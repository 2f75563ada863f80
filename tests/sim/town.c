/* town.c - see town.h. */
#include "town.h"

#define NIGHT_S    (8 * HOUR)
#define NIGHT_FROM (23 * HOUR)

/* The world's dice: box n, thrown for that purpose; 0 to sides - 1. Xorshift, well shaken. */
static gint64 dice(guint n, guint purpose, gint64 sides)
{
    guint64 state = ((guint64)n + 1) * 7919 + (guint64)purpose * 104729;
    for (guint i = 0; i < 16; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    return (gint64)(state % (guint64)sides);
}

static void start(Box *box, gint64 at)
{
    box->booted_at = at;
    box->poll.awake_since = at;
    box->poll.quiet_until = policy_quiet_until(0, at);
}

static Span night_of(const Box *box, gint64 at)
{
    gint64 into_s = (at - box->off_from_s) % DAY;
    return (Span){at - into_s, at - into_s + box->off_s};
}

/* at, or when its power is back. */
static gint64 power_at(const Box *box, gint64 at)
{
    for (gboolean is_settled = FALSE; !is_settled;) {
        is_settled = TRUE;
        if (box->off_s > 0 && at < night_of(box, at).to)
            at = night_of(box, at).to;
        for (guint i = 0; i < box->town->n_cuts; i++)
            if (at >= box->town->cuts[i].from && at < box->town->cuts[i].to) {
                at = box->town->cuts[i].to;
                is_settled = FALSE;
            }
    }
    return at;
}

/* When it loses its power next; it has it at `at`. */
static gint64 outage_at(const Box *box, gint64 at)
{
    gint64 next = box->off_s > 0 ? night_of(box, at).from + DAY : NEVER;
    for (guint i = 0; i < box->town->n_cuts; i++)
        if (box->town->cuts[i].from > at)
            next = MIN(next, box->town->cuts[i].from);
    return next;
}

gint64 box_wake_at(Box *box, gint64 now, gint64 at)
{
    for (gint64 out = outage_at(box, now); out <= at; out = outage_at(box, now)) {
        now = power_at(box, out);
        start(box, now);
        at = MAX(at, now);
    }
    return at;
}

gint64 box_next_poll(Box *box, gint64 now)
{
    for (;;) {
        gint64 at = MAX(poll_next_at(&box->poll, box->settings, now), now);
        gint64 out = outage_at(box, now);
        if (at < out)
            return at;
        now = power_at(box, out);
        start(box, now);
    }
}

gboolean box_ask(Box *box, gint64 at)
{
    const Town *town = box->town;
    gboolean is_down = at >= town->server_down.from && at < town->server_down.to;
    box->poll.last_at = at;
    box->poll.n_failures = is_down ? box->poll.n_failures + 1 : 0;
    box->poll.retry_after_at = is_down && town->says_when ? town->server_down.to : 0;
    return !is_down;
}

BoxFacts box_facts(const Box *box, gint64 now)
{
    return (BoxFacts){.quiet_until = policy_quiet_until(now - box->booted_at, now)};
}

/* Each has asked within the last interval, as boxes have that have been at it for long. */
void box_init(Box *box, const Town *town, const SettingsValues *settings, guint n)
{
    char name[16];
    g_snprintf(name, sizeof name, "box-%u", n);
    gboolean is_night = n < town->n_night;
    *box =
        (Box){.town = town,
              .settings = settings,
              .off_from_s = town->same_night ? NIGHT_FROM : dice(n, 1, DAY),
              .off_s = is_night ? NIGHT_S : 0,
              .permyriad = (guint)dice(n, 2, 10000),
              .poll = {.seed = poll_seed(name), .last_at = town->start - 1 - dice(n, 3, settings->poll_s)}};
    gint64 on_at = power_at(box, town->start);
    start(box, on_at > town->start ? on_at : town->start - DAY);
}
