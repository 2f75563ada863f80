/* cmd_snapshot.c - snapshots of apps' data: which there are, and bringing one back. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/render.h"

static char *size_of(const json_t *snapshot)
{
    g_autofree char *size = render_size(json_object_get(snapshot, "size"));
    return g_strdup_printf("%s%s", size,
                           json_is_true(json_object_get(snapshot, "shared")) ? " (shared)" : "");
}

static void print_snapshots(const json_t *list, gint64 now)
{
    static const char *const headers[] = {">ID", "APP", "VERSION", "MADE", "KEPT UNTIL", "SIZE", "OF", NULL};
    gsize i;
    json_t *one;
    Table *table = table_new(headers);
    json_array_foreach(json_object_get(list, "snapshots"), i, one)
    {
        g_autofree char *id =
            g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(one, "id")));
        g_autofree char *made = render_time(json_object_get(one, "made_at"), now);
        g_autofree char *until = render_time(json_object_get(one, "kept_until"), now);
        g_autofree char *size = size_of(one);
        gboolean is_whole = json_is_true(json_object_get(one, "whole"));
        const char *cells[] = {id,
                               render_string(one, "app"),
                               render_string(one, "version"),
                               made,
                               until,
                               size,
                               is_whole ? "all its data" : "what was converted"};
        table_add(table, cells);
    }
    table_print(table);
    if (i == 0)
        puts("no snapshots");
}

gboolean cmd_snapshot_list(Cli *cli, int *exit_code, GError **error)
{
    (void)exit_code;
    g_autofree char *app = cli_n_words(cli) ? client_escape(cli->words[0]) : NULL;
    g_autofree char *path = app ? g_strconcat("/v1/snapshots?app=", app, NULL) : g_strdup("/v1/snapshots");
    g_autoptr(json_t) list = client_request(cli->client, "GET", path, NULL, error);
    if (!list)
        return FALSE;
    if (cli_has(cli, "json"))
        render_json(list);
    else
        print_snapshots(list, cli->now);
    return TRUE;
}
