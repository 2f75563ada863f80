/* town.h - the world of the simulator: boxes, their power, and the server they ask. No rule of the product is in here.
 *
 * All times are virtual, in seconds UTC. What a box does, and when, it asks of the product's own functions (model/poll,
 * model/policy); this file only says what happens to it.
 */
#ifndef TESTS_SIM_TOWN_H
#define TESTS_SIM_TOWN_H

#include "model/model.h"

#define HOUR  G_GINT64_CONSTANT(3600)
#define DAY   (24 * HOUR)
#define MONTH (30 * DAY)
#define NEVER G_MAXINT64

typedef struct {
    gint64 from, to;
} Span;

typedef struct {
    guint n_boxes;
    guint n_night;       /* so many of them are off for 8 hours a day */
    gboolean same_night; /* all from 23:00 on; else each at its own time of the day */
    Span cuts[4];        /* the whole town is without power */
    guint n_cuts;
    Span server_down;     /* polls fail; to 0: never */
    gboolean says_when;   /* it answers with Retry-After, the end of server_down */
    const char *settings; /* of all boxes, as in appcenter.conf */
    gint64 start;         /* a midnight */
} Town;

typedef struct {
    const Town *town;
    const SettingsValues *settings;
    PollFacts poll;
    gint64 booted_at;
    gint64 off_from_s; /* second of the day; off_s 0: never off */
    gint64 off_s;
    guint permyriad; /* its place in roll-outs */
} Box;

/* The n-th box, with its power on since the town's start or the end of its night. */
void box_init(Box *box, const Town *town, const SettingsValues *settings, guint n);
/* When it asks next, at or after now; it is started as often as its power comes back until then. */
gint64 box_next_poll(Box *box, gint64 now);
/* It asks at that time; FALSE when the server did not answer. */
gboolean box_ask(Box *box, gint64 at);
/* at, or when it has power again; starts it if it was off between now and then. */
gint64 box_wake_at(Box *box, gint64 now, gint64 at);
/* What holds it back at this moment. */
BoxFacts box_facts(const Box *box, gint64 now);

#endif
