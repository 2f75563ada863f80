/* reasons.c - the one table of reasons: code, verdict, sentence.
 *
 * A sentence is a template with {words}; each word is made from the facts by one small function below. A new
 * reason is one row here and one place in policy.c that gives it.
 */
#include "model/reasons.h"

#include <string.h>

#include "model/version.h"

typedef struct {
    const char *name;
    Verdict verdict;
    Verdict verdict_untimed; /* when no time is known */
    const char *sentence;
    const char *sentence_untimed; /* NULL: the same */
    const char *stands_on;        /* the thing that it names */
    const char *changed_by;       /* what changes it */
} ReasonRow;

static const ReasonRow rows[REASON_COUNT] = {
    [REASON_EMERGENCY] = {"emergency", VERDICT_NOW, VERDICT_NOW, "now: {why}{latest}", NULL,
                          "the vendor's mark (emergency), `emergency = install`",
                          "a hold, a skip, `emergency = notify`"},
    [REASON_WINDOW_OPEN] = {"window-open", VERDICT_NOW, VERDICT_NOW, "now: the window is open{closes}", NULL,
                            "the class, the consent of its class, the window",
                            "the window's end, `window.timer`, a hold"},
    [REASON_DEADLINE] = {"deadline", VERDICT_AT, VERDICT_NOW, "at its deadline, {at}",
                         "now: its deadline has come{latest}",
                         "the vendor's mark and `updates.deadline_CLASS`",
                         "`updates.deadline_CLASS`, `security = notify`, a window that opens before"},
    [REASON_WITHDRAWN_BACK] = {"withdrawn-back", VERDICT_NOW, VERDICT_NOW,
                               "now: the vendor withdrew {installed}, back to {version}", NULL,
                               "the vendor's withdrawal of the installed version, `withdrawn = rollback`",
                               "`withdrawn = notify`, a hold"},
    [REASON_WINDOW] = {"window", VERDICT_AT, VERDICT_WAIT, "in the window, {at}{latest}", NULL,
                       "`window.timer`, `window.timezone`", "the window opens; another `window.timer`"},
    [REASON_BLACKOUT] = {"blackout", VERDICT_AT, VERDICT_WAIT, "after the blackout, {at}{latest}", NULL,
                         "`window.blackout`", "the blackout's end; another `window.blackout`"},
    [REASON_MIN_AGE] = {"min-age", VERDICT_AT, VERDICT_WAIT, "once it has been out for {min_age}, {at}", NULL,
                        "`updates.min_age` and when it was published", "time; a smaller `updates.min_age`"},
    [REASON_STARTING] = {"starting", VERDICT_AT, VERDICT_WAIT, "the NAS has just started; {at}{latest}", NULL,
                         "when the machine was started", "ten minutes after its start"},
    [REASON_INHIBITED] = {"inhibited", VERDICT_AT, VERDICT_WAIT, "waits: {inhibitor}; until {at}{latest}",
                          NULL, "a file in `/run/appcenter/inhibit.d`",
                          "the file is deleted or its time is over; the deadline"},
    [REASON_METERED] = {"metered", VERDICT_AT, VERDICT_WAIT, "at its deadline, {at}: metered = yes",
                        "waits for you: metered = yes", "`network.metered`", "`metered = no`; the deadline"},
    [REASON_VETO] = {"veto", VERDICT_AT, VERDICT_WAIT, "rolled back: {veto}; next try {at}", NULL,
                     "an automatic try of this version that failed",
                     "time; a newer version; `appctl upgrade APP=VERSION`"},
    [REASON_PHASE] = {"phase", VERDICT_AT, VERDICT_WAIT, "offered to this NAS from {at}",
                      "not offered to this NAS yet", "the release's roll-out and this NAS's place in it",
                      "time; `appctl upgrade APP`"},
    [REASON_NO_WINDOW] = {"no-window", VERDICT_WAIT, VERDICT_WAIT, "waits for you: no window is ever open",
                          NULL, "an empty `window.timer` and no deadline",
                          "a window in `window.timer`; `appctl upgrade APP`"},
    [REASON_HELD] = {"held", VERDICT_WAIT, VERDICT_WAIT, "held until {until}{note}", "held{note}",
                     "`appctl hold`", "`appctl unhold`; the hold's end"},
    [REASON_SKIPPED] = {"skipped", VERDICT_WAIT, VERDICT_WAIT, "you skipped this version", NULL,
                        "`appctl skip`, or an undo or a rollback", "`appctl unskip`; a newer version"},
    [REASON_CONSENT_EMERGENCY] = {"consent-emergency", VERDICT_ASK, VERDICT_ASK,
                                  "asks you: {why}; emergency = {emergency}", NULL, "`updates.emergency`",
                                  "`emergency = install`; `appctl upgrade APP`"},
    [REASON_CONSENT_SECURITY] = {"consent-security", VERDICT_ASK, VERDICT_ASK,
                                 "asks you: security = {security}", NULL, "`updates.security`",
                                 "`security = auto`; `appctl upgrade APP`"},
    [REASON_CONSENT_OTHER] = {"consent-other", VERDICT_ASK, VERDICT_ASK, "asks you: other = {other}", NULL,
                              "`updates.other`", "`other = auto`; `appctl upgrade APP`"},
    [REASON_FEATURE] = {"feature", VERDICT_ASK, VERDICT_ASK, "asks you: {feature}", NULL,
                        "the class: a feature fixes nothing", "the vendor's mark; `appctl upgrade APP`"},
    [REASON_WITHDRAWN_ASK] =
        {"withdrawn-ask", VERDICT_ASK, VERDICT_ASK, "asks you: the vendor withdrew {installed}{way_out}",
         NULL,
         "the vendor's withdrawal of the installed version, `withdrawn = notify` or no version to go back to",
         "`withdrawn = rollback`; `appctl upgrade APP=VERSION`"},
    [REASON_HALTED] = {"halted", VERDICT_REFUSE, VERDICT_REFUSE, "the vendor stopped it{brake}", NULL,
                       "the vendor's brake", "the vendor resumes it; another version"},
    [REASON_WITHDRAWN] = {"withdrawn", VERDICT_REFUSE, VERDICT_REFUSE, "the vendor withdrew it{brake}", NULL,
                          "the vendor's brake", "another version"},
    [REASON_DEPENDENCY] = {"dependency", VERDICT_REFUSE, VERDICT_REFUSE, "{problem}", NULL,
                           "what it needs, and what is installed or offered",
                           "what it needs is installed or offered"},
    [REASON_OS] = {"os", VERDICT_REFUSE, VERDICT_REFUSE, "{problem}", NULL, "the NAS's system version",
                   "an upgrade of the system"},
    [REASON_PUBLISHER] = {"publisher", VERDICT_REFUSE, VERDICT_REFUSE,
                          "comes from another publisher{publisher}", NULL, "who published the installed app",
                          "the app is removed and installed anew"},
    [REASON_STALE] = {"stale", VERDICT_WAIT, VERDICT_WAIT, "waits: the repository's metadata has expired",
                      NULL, "the end of the repository's signed metadata", "`appctl refresh`; a right clock"},
    [REASON_SUPERSEDED] =
        {"superseded", VERDICT_WAIT, VERDICT_WAIT, "{instead}", NULL,
         "the version of the app that is to be taken",
         "that version is installed, skipped, stopped or impossible; `appctl upgrade APP=VERSION`"},
};

const char *verdict_name(Verdict verdict)
{
    static const char *const names[] = {
        [VERDICT_NOW] = "now", [VERDICT_AT] = "at",         [VERDICT_WAIT] = "wait",
        [VERDICT_ASK] = "ask", [VERDICT_REFUSE] = "refuse",
    };
    return names[verdict];
}

const char *reason_code_name(ReasonCode code)
{
    return rows[code].name;
}

gboolean reason_code_from_name(const char *name, ReasonCode *code)
{
    for (guint i = 0; name && i < REASON_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0) {
            *code = (ReasonCode)i;
            return TRUE;
        }
    return FALSE;
}

void reason_view(ReasonCode code, ReasonView *view)
{
    const ReasonRow *row = &rows[code];
    *view = (ReasonView){.code = row->name,
                         .verdict = row->verdict,
                         .verdict_untimed = row->verdict_untimed,
                         .sentence = row->sentence,
                         .sentence_untimed = row->sentence_untimed ? row->sentence_untimed : row->sentence,
                         .stands_on = row->stands_on,
                         .changed_by = row->changed_by};
}

Verdict reason_verdict(ReasonCode code, gint64 at)
{
    return at != 0 ? rows[code].verdict : rows[code].verdict_untimed;
}

/* ---- the words ---- */

typedef struct {
    const PolicyVerdict *verdict;
    const OfferFacts *facts;
    const SettingsValues *settings;
    const Window *window;
    gint64 now;
} Speech;

static char *when(const Speech *speech, gint64 at)
{
    return units_format_when(at, speech->now, window_zone(speech->window));
}

/* "exploited, QSA-22-24", or who needs it, or the class where the vendor said nothing more. */
static char *word_why(const Speech *speech)
{
    const Urgency *urgency = speech->facts->release->urgency;
    if (speech->facts->pulled_in_by)
        return g_strdup_printf("needed by %s", speech->facts->pulled_in_by);
    g_autoptr(GStrvBuilder) parts = g_strv_builder_new();
    if (urgency && urgency->reason && *urgency->reason)
        g_strv_builder_add(parts, urgency->reason);
    if (urgency)
        g_strv_builder_addv(parts, (const char **)urgency->advisories);
    g_auto(GStrv) words = g_strv_builder_end(parts);
    return words[0] ? g_strjoinv(", ", words)
                    : g_strdup_printf("%s fix", urgency_class_name(speech->facts->cls));
}

static char *word_latest(const Speech *speech)
{
    gint64 deadline = speech->verdict->deadline;
    if (deadline == 0)
        return g_strdup("");
    g_autofree char *time = when(speech, deadline);
    return g_strdup_printf(deadline > speech->now ? "; at the latest %s" : "; due since %s", time);
}

static char *word_closes(const Speech *speech)
{
    gint64 end;
    if (!window_is_open(speech->window, speech->now, &end))
        return g_strdup("");
    g_autofree char *time = when(speech, end);
    return g_strdup_printf(" until %s", time);
}

static char *word_at(const Speech *speech)
{
    return when(speech, speech->verdict->at);
}

/* A hold that ends at midnight ends with a day; people gave a date. */
static char *word_until(const Speech *speech)
{
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(speech->verdict->at);
    g_autoptr(GDateTime) local = utc ? g_date_time_to_timezone(utc, window_zone(speech->window)) : NULL;
    if (local && g_date_time_get_hour(local) == 0 && g_date_time_get_minute(local) == 0)
        return g_date_time_format(local, "%Y-%m-%d");
    return word_at(speech);
}

static char *word_note(const Speech *speech)
{
    const Hold *hold = speech->facts->hold;
    return hold && hold->note && *hold->note ? g_strdup_printf(" (\"%s\")", hold->note) : g_strdup("");
}

static const char *consent_text(Consent consent)
{
    static const char *const names[] = {[CONSENT_OFF] = "off",
                                        [CONSENT_NOTIFY] = "notify",
                                        [CONSENT_DOWNLOAD] = "download",
                                        [CONSENT_AUTO] = "auto"};
    return names[consent];
}

static char *word_emergency(const Speech *speech)
{
    return g_strdup(consent_text(speech->settings->emergency));
}

static char *word_security(const Speech *speech)
{
    return g_strdup(consent_text(speech->settings->security));
}

static char *word_other(const Speech *speech)
{
    return g_strdup(consent_text(speech->settings->other));
}

static char *word_feature(const Speech *speech)
{
    if (speech->settings->other == CONSENT_AUTO)
        return g_strdup("new features are never automatic");
    return g_strdup_printf("other = %s", consent_text(speech->settings->other));
}

static char *word_min_age(const Speech *speech)
{
    return units_format_duration(speech->settings->min_age_s);
}

static char *word_veto(const Speech *speech)
{
    const char *cause = speech->facts->veto_cause;
    return g_strdup(cause && *cause ? cause : "it did not become healthy");
}

static char *word_installed(const Speech *speech)
{
    const char *version = speech->facts->installed_version;
    return g_strdup(version ? version : "what is installed");
}

static char *word_version(const Speech *speech)
{
    return g_strdup(speech->facts->release->version);
}

static char *word_instead(const Speech *speech)
{
    const char *instead = speech->facts->superseded_by;
    gboolean is_newer = version_compare(instead, speech->facts->release->version) > 0;
    return g_strdup_printf(is_newer ? "%s is newer" : "%s comes first", instead);
}

static char *word_way_out(const Speech *speech)
{
    const OfferFacts *facts = speech->facts;
    if (g_strcmp0(facts->release->version, facts->installed_version) == 0)
        return g_strdup("");
    gboolean is_back = facts->installed_brake && facts->installed_brake->go_back_to &&
                       version_compare(facts->release->version, facts->installed_brake->go_back_to) == 0;
    return g_strdup_printf(is_back ? ", back to %s" : ", there is %s", facts->release->version);
}

static char *word_brake(const Speech *speech)
{
    const BrakeEntry *brake = speech->facts->brake;
    return brake && brake->reason && *brake->reason ? g_strdup_printf(": %s", brake->reason) : g_strdup("");
}

static char *word_inhibitor(const Speech *speech)
{
    const char *reason = speech->facts->box->inhibited_by;
    return g_strdup(reason && *reason ? reason : "something must not be disturbed");
}

static char *word_problem(const Speech *speech)
{
    const char *problem = speech->facts->problem;
    return g_strdup(problem && *problem ? problem : "what it needs cannot be had");
}

static char *word_publisher(const Speech *speech)
{
    const char *publisher = speech->facts->release->publisher;
    return publisher ? g_strdup_printf(" (%s) than the installed app", publisher) : g_strdup("");
}

static const struct {
    const char *name;
    char *(*make)(const Speech *speech);
} words[] = {
    {"at", word_at},
    {"brake", word_brake},
    {"closes", word_closes},
    {"emergency", word_emergency},
    {"feature", word_feature},
    {"inhibitor", word_inhibitor},
    {"installed", word_installed},
    {"instead", word_instead},
    {"latest", word_latest},
    {"min_age", word_min_age},
    {"note", word_note},
    {"other", word_other},
    {"problem", word_problem},
    {"publisher", word_publisher},
    {"security", word_security},
    {"until", word_until},
    {"version", word_version},
    {"veto", word_veto},
    {"way_out", word_way_out},
    {"why", word_why},
};

static void append_word(GString *sentence, const char *name, gsize len, const Speech *speech)
{
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (strlen(words[i].name) == len && strncmp(words[i].name, name, len) == 0) {
            g_autofree char *word = words[i].make(speech);
            g_string_append(sentence, word);
        }
}

char *reason_sentence(const PolicyVerdict *verdict, const OfferFacts *facts, const SettingsValues *settings,
                      const Window *window, gint64 now)
{
    const Speech speech = {verdict, facts, settings, window, now};
    const ReasonRow *row = &rows[verdict->code];
    const char *template = verdict->at == 0 && row->sentence_untimed ? row->sentence_untimed : row->sentence;
    GString *sentence = g_string_new(NULL);
    for (const char *open = strchr(template, '{'); open; open = strchr(template, '{')) {
        const char *close = strchr(open, '}');
        g_string_append_len(sentence, template, open - template);
        append_word(sentence, open + 1, (gsize)(close - open - 1), &speech);
        template = close + 1;
    }
    g_string_append(sentence, template);
    return g_string_free(sentence, FALSE);
}
