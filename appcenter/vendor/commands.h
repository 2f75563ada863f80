/* commands.h - appvendor's verbs: one table drives parsing, help and the man page check. Private to vendor/.
 *
 * A verb gets its own words (argv[0] is its name), parses them with parse_words, and is told the time.
 */
#ifndef VENDOR_COMMANDS_H
#define VENDOR_COMMANDS_H

#include "base/base.h"
#include "trust/trust.h"

typedef struct {
    const char *name;
    const char *words;   /* "REPO NAME[=VERSION]" */
    const char *summary; /* one line for --help */
    gboolean (*run)(int argc, char **argv, gint64 now, GError **error);
} VendorCommand;

extern const VendorCommand vendor_commands[]; /* ends with a NULL name */

/* GOptionContext over the words of one verb: entries as given, then between min and max further words, left in argv from
 * index 1; *argc tells. --help prints and exits 0. INVALID otherwise. */
gboolean parse_words(const char *verb, const GOptionEntry *entries, int min, int max, int *argc, char ***argv,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Splits "NAME=VERSION" or "NAME"; INVALID for what is no name or version. */
gboolean parse_app_version(const char *word, char **name, char **version,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A file that the user named, whole or not at all. */
gboolean write_json_file(const char *file, const json_t *value, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --key-type; NULL: ed25519. */
gboolean parse_key_kind(const char *text, KeyKind *kind, GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean cmd_init(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_pack(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_sign(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_lint(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_inspect(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_add(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_urgent(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_rollout(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_halt(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_resume(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_withdraw(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_key(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_advisory(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_publisher(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_publish(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_refresh(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_status(int argc, char **argv, gint64 now, GError **error);
gboolean cmd_verify(int argc, char **argv, gint64 now, GError **error);

#endif
