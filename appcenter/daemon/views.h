/* views.h - the JSON that people and programs see, made from store and model. New references; NULL with
 * error. */
#ifndef DAEMON_VIEWS_H
#define DAEMON_VIEWS_H

#include "daemon/daemon.h"

json_t *view_status(Daemon *daemon, GError **error) G_GNUC_WARN_UNUSED_RESULT; /* appctl.status/1 */
json_t *view_apps(Daemon *daemon, GError **error) G_GNUC_WARN_UNUSED_RESULT;   /* appctl.apps/1 */
json_t *view_app(Daemon *daemon, const char *name,
                 GError **error) G_GNUC_WARN_UNUSED_RESULT; /* one, with details */
json_t *view_why(Daemon *daemon, const char *name,
                 GError **error) G_GNUC_WARN_UNUSED_RESULT; /* appctl.explanation/1 */
json_t *view_search(Daemon *daemon, const char *word, GError **error) G_GNUC_WARN_UNUSED_RESULT;
json_t *view_job(Daemon *daemon, const StoreJob *job);
json_t *view_history(Daemon *daemon, gsize limit,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;                    /* appctl.history/1 */
json_t *view_advisories(Daemon *daemon, GError **error) G_GNUC_WARN_UNUSED_RESULT; /* appctl.advisories/1 */
json_t *view_audit(Daemon *daemon, GError **error) G_GNUC_WARN_UNUSED_RESULT;      /* appctl.audit/1 */
json_t *view_holds(Daemon *daemon, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* appctl.snapshots/1; app NULL: of all. */
json_t *view_snapshots(Daemon *daemon, const char *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
json_t *view_config(const Daemon *daemon);
json_t *view_repositories(Daemon *daemon, GError **error) G_GNUC_WARN_UNUSED_RESULT;
json_t *view_doctor(Daemon *daemon, GError **error) G_GNUC_WARN_UNUSED_RESULT; /* appctl.doctor/1 */
/* Prometheus text; free with g_free. */
char *view_metrics(Daemon *daemon, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A URL, or a sentence that quotes some, with user and password replaced by three stars. free with g_free. */
char *view_mask_url(const char *text);
/* No fresh timestamp for twice its life: somebody may be freezing this box. */
gboolean view_repo_is_stale(const StoreRepo *repo, gint64 now);

#endif
