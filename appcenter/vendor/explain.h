/* explain.h - what a publish would do and what is under way, in words: who sees what when. Prints; changes nothing. */
#ifndef VENDOR_EXPLAIN_H
#define VENDOR_EXPLAIN_H

#include "vendor/repo.h"

/* What waits in the draft: class, deadline, curve, OS lines, brake, advisories. The world in memory gets its times by that,
 * but is not saved. */
gboolean explain_publish(Repo *repo, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* What is marked, rolled out, stopped, withdrawn and known to be vulnerable. */
gboolean explain_standing(const Repo *repo, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* [{name,version,arch,class,urgent_at,deadline,permyriad,next_at,next_permyriad}] of the releases with a mark or a curve;
 * times null and permyriad 0 for what waits for publish. */
json_t *explain_marks(const Repo *repo, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
