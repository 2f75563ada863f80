/* plan_repair.c - installing anew what is installed: the same version, from the same archive. */
#include "engine/plan_internal.h"

#include <string.h>

/* The very archive that was installed, as a repository offers it now. */
static Release *find_release(Planning *planning, const InstalledApp *app, GError **error)
{
    Store *store = planning->engine->store;
    g_autoptr(StoreApp) recorded = store_app_get(store, app->name, error);
    g_autoptr(GPtrArray) releases = recorded ? store_catalogue_app(store, app->name, error) : NULL;
    if (!releases)
        return NULL;
    for (guint i = 0; i < releases->len; i++) {
        const Release *release = releases->pdata[i];
        if (g_strcmp0(release->sha256, recorded->archive_sha256) == 0 &&
            strcmp(release->arch, app->arch) == 0)
            return release_copy(release);
    }
    error_set(error, APPCENTER_ERROR_NOT_FOUND,
              "no repository offers the archive of %s %s any more (sha256 %s); upgrade it, or install its "
              "file again",
              app->name, app->version, recorded->archive_sha256);
    return NULL;
}

static PlanChange *repair(Planning *planning, const InstalledApp *app, const char *version, GError **error)
{
    if (version && version_compare(version, app->version) != 0) {
        error_set(error, APPCENTER_ERROR_INVALID, "%s %s is installed: %s cannot be repaired", app->name,
                  app->version, version);
        return NULL;
    }
    g_autoptr(Release) release = find_release(planning, app, error);
    if (!release)
        return NULL;
    PlanChange *change = g_new0(PlanChange, 1);
    change->op = CHANGE_UPGRADE;
    change->app = g_strdup(app->name);
    change->from_version = g_strdup(app->version);
    change->to_version = g_strdup(app->version);
    change->release = g_steal_pointer(&release);
    change->is_dependency = app->as_dependency;
    change->reason = g_strdup("repair");
    change->cls = CLASS_NORMAL;
    return change;
}

GPtrArray *plan_repair(Planning *planning, GError **error)
{
    return plan_of_installed(planning, repair, error);
}
