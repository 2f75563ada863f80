/* because.c - why an app is here: somebody asked for it, or an app that is here needs it; as a chain of sentences. */
#include "model/model.h"

#include <string.h>

#define CHAIN_MAX 16

const char *installed_need(const InstalledApp *app, const char *name)
{
    for (char **item = app->requires; item && *item; item++) {
        g_autoptr(Requirement) requirement = requirement_parse(*item, NULL);
        for (guint i = 0; requirement && i < requirement->terms->len; i++)
            if (strcmp(((const RequireTerm *)g_ptr_array_index(requirement->terms, i))->name, name) == 0)
                return *item;
    }
    return NULL;
}

/* Who needs it, not told of yet: rather one that was asked for, so that the chain is short. */
static const InstalledApp *find_dependent(const GPtrArray *installed, const char *name, GHashTable *told)
{
    const InstalledApp *found = NULL;
    for (guint i = 0; i < installed->len; i++) {
        const InstalledApp *app = g_ptr_array_index(installed, i);
        if (g_hash_table_contains(told, app->name) || !installed_need(app, name))
            continue;
        if (!found || (found->as_dependency && !app->as_dependency))
            found = app;
    }
    return found;
}

GPtrArray *installed_because(GPtrArray *installed, const char *name)
{
    GPtrArray *sentences = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);
    const InstalledApp *app = installed_find(installed, name);
    while (app && sentences->len < CHAIN_MAX) {
        g_hash_table_add(told, app->name);
        const InstalledApp *dependent = find_dependent(installed, app->name, told);
        if (!app->as_dependency) {
            g_ptr_array_add(sentences, g_strdup_printf("%s was asked for", app->name));
            break;
        }
        if (!dependent) {
            g_ptr_array_add(
                sentences,
                g_strdup_printf("%s came with an app that needed it; nobody needs it any more", app->name));
            break;
        }
        g_ptr_array_add(sentences,
                        g_strdup_printf("%s came as a dependency; %s %s needs %s", app->name, dependent->name,
                                        dependent->version, installed_need(dependent, app->name)));
        app = dependent;
    }
    return sentences;
}
