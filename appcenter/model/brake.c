/* brake.c - the deny-only list: which releases nobody takes any more, which ones are withdrawn.
 *
 * Deny-only by shape: an entry can name a release and where to go back to, nothing else is read. Entries with
 * an action that this program does not know are left out, as the format asks; but what tries to offer something (binds
 * an archive, asks for an install) is refused with all that stands around it.
 */
#include "model/release.h"

#include <string.h>

#include "model/fields.h"
#include "model/version.h"

#define BRAKE_FORMAT     1
#define ENTRIES_MAX      10000
#define REASON_BYTES_MAX 1024
#define ACTION_BYTES_MAX 64
#define JSON_DEPTH_MAX   16

static const char *const action_names[] = {[BRAKE_HALT] = "halt", [BRAKE_WITHDRAW] = "withdraw"};
static const char *const offering_actions[] = {"install", "offer", "release", "upgrade"};
static const char *const offering_members[] = {"path", "releases", "rollout", "urgency"};

static void brake_entry_free(BrakeEntry *entry)
{
    if (!entry)
        return;
    g_free(entry->name);
    g_free(entry->version);
    g_free(entry->arch);
    g_free(entry->go_back_to);
    g_free(entry->reason);
    g_free(entry);
}

void brake_free(Brake *brake)
{
    if (!brake)
        return;
    g_ptr_array_unref(brake->entries);
    g_free(brake);
}

static gboolean read_action(JsonReader *reader, BrakeAction *action)
{
    const char *name = json_reader_string(reader, "action", ACTION_BYTES_MAX);
    for (guint i = 0; name && i < G_N_ELEMENTS(action_names); i++)
        if (strcmp(name, action_names[i]) == 0) {
            *action = (BrakeAction)i;
            return TRUE;
        }
    return FALSE;
}

static void refuse_offer(JsonReader *reader)
{
    const char *action = json_string_value(json_object_get(json_reader_value(reader), "action"));
    for (guint i = 0; i < G_N_ELEMENTS(offering_members); i++)
        if (json_reader_has(reader, offering_members[i]))
            json_reader_fail(reader, offering_members[i], "wanted a brake that only denies, found an offer");
    for (guint i = 0; i < G_N_ELEMENTS(offering_actions); i++)
        if (g_strcmp0(action, offering_actions[i]) == 0)
            json_reader_fail(reader, "action", "wanted halt or withdraw, found %s", action);
}

static void read_entry(JsonReader *reader, GPtrArray *entries)
{
    BrakeAction action;
    refuse_offer(reader);
    if (!read_action(reader, &action))
        return;
    BrakeEntry *entry = g_new0(BrakeEntry, 1);
    entry->action = action;
    entry->name = g_strdup(fields_app_name(reader, "name"));
    entry->version = g_strdup(fields_version(reader, "version"));
    entry->arch = g_strdup(fields_arch_or_null(reader, "arch"));
    if (action == BRAKE_WITHDRAW)
        entry->go_back_to = g_strdup(fields_version_or_null(reader, "go_back_to"));
    entry->reason = g_strdup(fields_line_or_null(reader, "reason", REASON_BYTES_MAX));
    entry->at = json_reader_time(reader, "at");
    g_ptr_array_add(entries, entry);
}

static void read_entries(JsonReader *reader, GPtrArray *entries)
{
    if (!json_reader_enter(reader, "entries"))
        return;
    gsize length = json_reader_length(reader, ENTRIES_MAX);
    for (gsize i = 0; i < length && json_reader_enter_index(reader, i); i++) {
        read_entry(reader, entries);
        json_reader_leave(reader);
    }
    json_reader_leave(reader);
}

Brake *brake_parse(const void *data, gsize len, GError **error)
{
    g_autoptr(json_t) value = json_parse_strict(data, len, JSON_DEPTH_MAX, TRUE, error);
    if (!value) {
        g_prefix_error(error, "brake: ");
        return NULL;
    }
    g_autoptr(JsonReader) reader = json_reader_new(value, "brake");
    g_autoptr(Brake) brake = g_new0(Brake, 1);
    brake->entries = g_ptr_array_new_with_free_func((GDestroyNotify)brake_entry_free);
    refuse_offer(reader);
    json_reader_integer(reader, "format", BRAKE_FORMAT, BRAKE_FORMAT);
    brake->serial = json_reader_integer(reader, "serial", 0, G_MAXINT64);
    read_entries(reader, brake->entries);
    return json_reader_finish(reader, error) ? g_steal_pointer(&brake) : NULL;
}

json_t *brake_to_json(const Brake *brake)
{
    json_t *entries = json_array();
    for (guint i = 0; i < brake->entries->len; i++) {
        const BrakeEntry *entry = g_ptr_array_index(brake->entries, i);
        json_t *object = json_object();
        json_object_set_new(object, "name", json_string(entry->name));
        json_object_set_new(object, "version", json_string(entry->version));
        json_object_set_new(object, "arch", fields_json_string(entry->arch));
        json_object_set_new(object, "action", json_string(action_names[entry->action]));
        json_object_set_new(object, "go_back_to", fields_json_string(entry->go_back_to));
        json_object_set_new(object, "reason", fields_json_string(entry->reason));
        json_object_set_new(object, "at", fields_json_time(entry->at));
        json_array_append_new(entries, object);
    }
    json_t *object = json_object();
    json_object_set_new(object, "format", json_integer(BRAKE_FORMAT));
    json_object_set_new(object, "serial", json_integer(brake->serial));
    json_object_set_new(object, "entries", entries);
    return object;
}

static gboolean entry_stops(const BrakeEntry *entry, const char *name, const char *version, const char *arch)
{
    return strcmp(entry->name, name) == 0 && version_compare(entry->version, version) == 0 &&
           (!entry->arch || !arch || strcmp(entry->arch, arch) == 0);
}

/* A withdrawal says more than a halt of the same release, so it is the one that is found. */
const BrakeEntry *brake_find(const Brake *brake, const char *name, const char *version, const char *arch)
{
    const BrakeEntry *found = NULL;
    for (guint i = 0; brake && i < brake->entries->len; i++) {
        const BrakeEntry *entry = g_ptr_array_index(brake->entries, i);
        if (!entry_stops(entry, name, version, arch))
            continue;
        if (entry->action == BRAKE_WITHDRAW)
            return entry;
        if (!found)
            found = entry;
    }
    return found;
}
