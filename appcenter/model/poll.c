/* poll.c - interval, turn and back-off; see poll.h.
 *
 * Each draw is a hash of the box's seed and of what makes this draw another one than the last: the time of the last poll,
 * the count of failures, or the day. So nothing is stored, and asking twice gives the same answer.
 */
#include "model/poll.h"

#define DAY_S           G_GINT64_CONSTANT(86400)
#define POLL_MIN_S      300 /* where others run the repository */
#define RETRY_AFTER_MAX DAY_S
#define BACKOFF_CAP     4 /* in poll intervals */

/* splitmix64's finalizer: each bit of the input moves half of the output's. */
static guint64 mix(guint64 value)
{
    value = (value ^ (value >> 30)) * G_GUINT64_CONSTANT(0xBF58476D1CE4E5B9);
    value = (value ^ (value >> 27)) * G_GUINT64_CONSTANT(0x94D049BB133111EB);
    return value ^ (value >> 31);
}

static guint64 draw(guint64 seed, gint64 salt)
{
    return mix(seed + mix((guint64)salt + G_GUINT64_CONSTANT(0x9E3779B97F4A7C15)));
}

guint64 poll_seed(const char *identity)
{
    guint64 seed = 0;
    for (const char *c = identity; *c != '\0'; c++)
        seed = mix(seed + (guchar)*c + 1);
    return seed;
}

gint64 poll_retry_after(gint64 retry_after_at, gint64 now)
{
    return retry_after_at > now && retry_after_at <= now + RETRY_AFTER_MAX ? retry_after_at : 0;
}

/* A number from low to high that the draw picks. */
static gint64 pick(guint64 drawn, gint64 low, gint64 high)
{
    return low + (gint64)(drawn % (guint64)(high - low + 1));
}

/* The first try after a failure comes soon, later ones spread over ever more time: three times more each, up to the cap.
 */
static gint64 backoff_s(gint64 interval_s, guint n_failures, guint64 drawn)
{
    gint64 low = MAX(interval_s / 4, 1);
    gint64 high = low;
    for (guint i = 0; i < n_failures && high < BACKOFF_CAP * interval_s; i++)
        high *= 3;
    return pick(drawn, low, MIN(high, BACKOFF_CAP * interval_s));
}

/* The wait after the last poll, for a box that stays awake. */
static gint64 gap_s(const PollFacts *facts, gint64 interval_s)
{
    guint64 drawn = draw(facts->seed, facts->last_at + (gint64)facts->n_failures);
    if (facts->n_failures > 0)
        return backoff_s(interval_s, facts->n_failures, drawn);
    return pick(drawn, interval_s - interval_s / 10, interval_s + interval_s / 10);
}

/* The box's moment of the interval, the first one at or after from; another one each day, so that a box which is on for
 * the same half an hour every day comes to its turn, too. */
static gint64 turn_at(const PollFacts *facts, gint64 interval_s, gint64 from)
{
    gint64 moment = (gint64)(draw(facts->seed, from / DAY_S) % (guint64)interval_s);
    gint64 ahead = (moment - from) % interval_s;
    return from + (ahead < 0 ? ahead + interval_s : ahead);
}

/* last_at ahead of now: the clock was set back, which must not silence us. */
static gint64 next_by_clock(const PollFacts *facts, gint64 interval_s, gint64 now)
{
    gboolean is_known = facts->last_at > 0 && facts->last_at <= now;
    gint64 regular_at = is_known ? facts->last_at + gap_s(facts, interval_s) : 0;
    gint64 from = MAX(facts->awake_since, facts->quiet_until);
    if (is_known && regular_at > from)
        return regular_at;
    if (facts->all_local && facts->last_at > 0)
        return MAX(MIN(from, now), facts->quiet_until);
    return turn_at(facts, interval_s, from);
}

gint64 poll_next_at(const PollFacts *facts, const SettingsValues *settings, gint64 now)
{
    gint64 interval_s = facts->all_local ? settings->poll_s : MAX(settings->poll_s, POLL_MIN_S);
    gint64 next_at = next_by_clock(facts, interval_s, now);
    gint64 peace_until = poll_retry_after(facts->retry_after_at, now);
    if (next_at >= peace_until)
        return next_at;
    return facts->all_local ? peace_until : turn_at(facts, interval_s, peace_until);
}
