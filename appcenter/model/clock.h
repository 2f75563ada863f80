/* clock.h - what a running daemon makes of the machine's clocks. Pure: readings in, time out.
 *
 * Hides how a lost clock goes on (from the floor, by what has passed since), and how a sleep or a set clock shows.
 */
#ifndef MODEL_CLOCK_H
#define MODEL_CLOCK_H

#include <glib.h>

/* All read at one moment, in seconds. */
typedef struct {
    gint64 wall_at;   /* since 1970, as the machine has it */
    gint64 uptime_s;  /* since the machine's start, sleeps included */
    gint64 running_s; /* the same, sleeps not included */
} ClockReading;

typedef struct {
    gint64 floor_at;     /* the floor when it was last looked at and found to be ahead */
    gint64 floor_uptime; /* the machine's uptime then */
    ClockReading last;   /* the readings of the last look */
    gint64 awake_uptime; /* since when we are awake, on the machine's uptime */
} Clock;

void clock_start(Clock *clock, const ClockReading *reading, gint64 floor_at);

/* To be called often, and whenever the floor may have risen. Notices a sleep and a clock that was set, more than a minute
 * each; TRUE when there was one. */
gboolean clock_look(Clock *clock, const ClockReading *reading, gint64 floor_at);

/* The wall clock, unless it is behind the floor (newest time known to be past) and so wrong for certain: then the floor and
 * what has passed since it was there. A clock that was wrong is believed again once it is right. */
gint64 clock_now(const Clock *clock, const ClockReading *reading, gint64 floor_at);

/* Start, end of the last sleep, or when the clock was last set, in terms of clock_now. */
gint64 clock_awake_since(const Clock *clock, const ClockReading *reading, gint64 floor_at);

#endif
