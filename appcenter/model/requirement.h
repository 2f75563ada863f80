/* requirement.h - the requirement and conflict grammar of qpkg.cfg (qpkg-format.md 4.1).
 *
 * Lives here and not with the container, because catalogue, plan checker and solver speak it, too.
 */
#ifndef MODEL_REQUIREMENT_H
#define MODEL_REQUIREMENT_H

#include <glib.h>

typedef enum {
    REQUIRE_ANY,
    REQUIRE_EQ,
    REQUIRE_NE,
    REQUIRE_LT,
    REQUIRE_LE,
    REQUIRE_GT,
    REQUIRE_GE
} RequireOp;

typedef struct {
    char *name; /* an app, "QNAP_FW" for the system's version, or "OPT/x" which nothing provides */
    RequireOp op;
    char *version; /* NULL when op is REQUIRE_ANY */
} RequireTerm;

/* One item: the alternatives of "A >= 1 | B". */
typedef struct {
    GPtrArray *terms; /* RequireTerm*, at least one */
} Requirement;

void requirement_free(Requirement *requirement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Requirement, requirement_free)
/* CORRUPT for an empty item, a bad name or version, an unknown operator. A second word that is no operator is
 * dropped, as QDK does. */
Requirement *requirement_parse(const char *item, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Splits the value of QPKG_REQUIRE / QPKG_CONFLICT at ',' into items, trimmed, empty ones dropped; each is parsed to
 * check it. g_strfreev. */
char **requirement_split(const char *value, gboolean alternatives_allowed,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Canonical text: "MediaLibrary >= 2.0 | Other". */
char *requirement_to_text(const Requirement *requirement);
/* Does this version of that name satisfy the term? version NULL (unknown): the test is skipped and holds. */
gboolean require_term_matches(const RequireTerm *term, const char *name, const char *version);
/* Does one of the alternatives do? requirement NULL: no. */
gboolean requirement_matches(const Requirement *requirement, const char *name, const char *version);
const char *require_op_text(RequireOp op);

#endif
