/* clock.c - see clock.h. */
#include "model/clock.h"

#define STEP_S 60 /* less is a clock that is being put right bit by bit */

void clock_start(Clock *clock, const ClockReading *reading, gint64 floor_at)
{
    *clock = (Clock){.floor_at = floor_at,
                     .floor_uptime = reading->uptime_s,
                     .last = *reading,
                     .awake_uptime = reading->uptime_s};
}

/* The floor that we last saw, and what has passed since. */
static gint64 lived_to(const Clock *clock, const ClockReading *reading)
{
    return clock->floor_at + reading->uptime_s - clock->floor_uptime;
}

gboolean clock_look(Clock *clock, const ClockReading *reading, gint64 floor_at)
{
    gint64 passed_s = reading->uptime_s - clock->last.uptime_s;
    gint64 slept_s = passed_s - (reading->running_s - clock->last.running_s);
    gint64 step_s = reading->wall_at - clock->last.wall_at - passed_s;
    gboolean is_woken = slept_s > STEP_S || ABS(step_s) > STEP_S;
    clock->last = *reading;
    if (floor_at > lived_to(clock, reading)) {
        clock->floor_at = floor_at;
        clock->floor_uptime = reading->uptime_s;
    }
    if (is_woken)
        clock->awake_uptime = reading->uptime_s;
    return is_woken;
}

gint64 clock_now(const Clock *clock, const ClockReading *reading, gint64 floor_at)
{
    if (reading->wall_at >= floor_at)
        return reading->wall_at;
    return MAX(floor_at, lived_to(clock, reading));
}

gint64 clock_awake_since(const Clock *clock, const ClockReading *reading, gint64 floor_at)
{
    return clock_now(clock, reading, floor_at) - (reading->uptime_s - clock->awake_uptime);
}
