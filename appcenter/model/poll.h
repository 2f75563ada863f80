/* poll.h - when a repository is asked next. Pure: hides how a town's boxes are kept apart.
 *
 * A box that is awake asks every interval, +-10 %. One that was off, asleep or whose clock was set asks at its turn: a
 * moment of the interval that a hash of the box and the day picks, so it follows from no boot time, and boxes that wake
 * together (power is back) come one by one. Repositories on this machine have no town to spare.
 */
#ifndef MODEL_POLL_H
#define MODEL_POLL_H

#include "model/settings.h"

/* What was heard longer ago is asked for again before an automatic install: a brake may have been pulled. */
#define POLL_FRESH_S 600

typedef struct {
    gint64 last_at;        /* when it was asked last; 0: never */
    guint n_failures;      /* in a row */
    gint64 retry_after_at; /* until when its server asked for peace; 0: it did not */
    gboolean all_local;    /* loopback or file: only; may be polled down to each second */
    gint64
        awake_since; /* start of the daemon, end of a sleep, or when the clock was set; on the clock of now */
    gint64 quiet_until; /* nothing is asked before; 0: no such time */
    guint64 seed;       /* poll_seed of this box */
} PollFacts;

/* A number that is this box's own. identity: the cohort id. */
guint64 poll_seed(const char *identity);

/* Until when a server asked for peace; 0: it did not, it is over, or the clock was set back since (more than a day ahead
 * is never recorded). */
gint64 poll_retry_after(gint64 retry_after_at, gint64 now);

/* The next poll; not after now: it is due. After failures a back-off, drawn anew each time, of at most 4 intervals. Never
 * before retry_after_at; then at its turn. The same answer for the same facts, however often one asks. */
gint64 poll_next_at(const PollFacts *facts, const SettingsValues *settings, gint64 now);

#endif
