/* requirement.c - reads and writes the requirement grammar, and asks single terms.
 *
 * item := alt { "|" alt }; alt := NAME [ OP VERSION ]; blanks are free. What QDK reads in a doubtful way (an
 * operator that it does not know, two operators in one alternative) is refused here rather than guessed.
 */
#include "model/requirement.h"

#include <string.h>

#include "base/error.h"
#include "model/version.h"

#define TERMS_MAX      64
#define ITEMS_MAX      256
#define ITEM_BYTES_MAX 1024
#define OP_BYTES       "=<>!"
#define OPTWARE_PREFIX "OPT/"

static const struct {
    const char *text;
    RequireOp op;
} operators[] = {
    {"=", REQUIRE_EQ},  {"==", REQUIRE_EQ}, {"!=", REQUIRE_NE}, {"<", REQUIRE_LT},
    {"<=", REQUIRE_LE}, {">", REQUIRE_GT},  {">=", REQUIRE_GE},
};

static void require_term_free(RequireTerm *term)
{
    if (!term)
        return;
    g_free(term->name);
    g_free(term->version);
    g_free(term);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RequireTerm, require_term_free)

void requirement_free(Requirement *requirement)
{
    if (!requirement)
        return;
    g_ptr_array_unref(requirement->terms);
    g_free(requirement);
}

const char *require_op_text(RequireOp op)
{
    for (guint i = 0; i < G_N_ELEMENTS(operators); i++)
        if (operators[i].op == op)
            return operators[i].text;
    return "";
}

static gboolean op_from_text(const char *text, RequireOp *op)
{
    for (guint i = 0; i < G_N_ELEMENTS(operators); i++)
        if (strcmp(operators[i].text, text) == 0) {
            *op = operators[i].op;
            return TRUE;
        }
    return FALSE;
}

static gboolean name_is_valid(const char *name)
{
    return app_name_is_valid(g_str_has_prefix(name, OPTWARE_PREFIX) ? name + strlen(OPTWARE_PREFIX) : name);
}

/* Splits at blanks and around runs of operator bytes: "Foo>=1" gives Foo, >=, 1. */
static char **split_words(const char *alternative)
{
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    const char *p = alternative;
    while (*p) {
        gsize len = strspn(p, " \t");
        if (len == 0) {
            len = strspn(p, OP_BYTES);
            if (len == 0)
                len = strcspn(p, OP_BYTES " \t");
            g_autofree char *word = g_strndup(p, len);
            g_strv_builder_add(words, word);
        }
        p += len;
    }
    return g_strv_builder_end(words);
}

static gboolean is_op_word(const char *word)
{
    return *word != '\0' && strchr(OP_BYTES, *word) != NULL;
}

static gboolean check_one_operator(char **words, const char *alternative, GError **error)
{
    guint n_ops = 0;
    for (guint i = 0; words[i]; i++)
        n_ops += is_op_word(words[i]);
    if (n_ops > 1)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted one operator in \"%s\", found %u",
                         alternative, n_ops);
    return TRUE;
}

/* words is NAME, then perhaps an operator and a version. A lone second word that is no operator is dropped
 * (in the real world: "QVPN Service"); with a third one behind it, it stands where an operator should. */
static gboolean read_bound(char **words, RequireTerm *term, const char *alternative, GError **error)
{
    if (!words[1])
        return TRUE;
    if (!op_from_text(words[1], &term->op)) {
        if (!is_op_word(words[1]) && !words[2])
            return TRUE;
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "wanted an operator behind \"%s\" in \"%s\", found \"%s\"", words[0], alternative,
                         words[1]);
    }
    if (!words[2]) { /* "Foo >=" asks for no version */
        term->op = REQUIRE_ANY;
        return TRUE;
    }
    if (!version_is_valid(words[2]))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted a version in \"%s\", found \"%s\"",
                         alternative, words[2]);
    term->version = g_strdup(words[2]);
    return TRUE;
}

static RequireTerm *parse_term(const char *alternative, GError **error)
{
    g_auto(GStrv) words = split_words(alternative);
    if (!words[0]) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "wanted an app name, found nothing");
        return NULL;
    }
    if (!name_is_valid(words[0])) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "wanted an app name, found \"%s\"", words[0]);
        return NULL;
    }
    if (!check_one_operator(words, alternative, error))
        return NULL;
    g_autoptr(RequireTerm) term = g_new0(RequireTerm, 1);
    term->op = REQUIRE_ANY;
    term->name = g_strdup(words[0]);
    return read_bound(words, term, alternative, error) ? g_steal_pointer(&term) : NULL;
}

/* Untrusted text goes into messages; what could not be a requirement at all is refused without repeating it.
 */
static gboolean check_item_bytes(const char *item, GError **error)
{
    gsize len = strlen(item);
    if (len > ITEM_BYTES_MAX)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "wanted a requirement of at most %d bytes, found %" G_GSIZE_FORMAT, ITEM_BYTES_MAX,
                         len);
    for (const char *p = item; *p; p++)
        if (!g_ascii_isprint(*p) && *p != '\t')
            return error_set(error, APPCENTER_ERROR_CORRUPT,
                             "wanted a requirement in ascii, found byte 0x%02x", (guchar)*p);
    return TRUE;
}

Requirement *requirement_parse(const char *item, GError **error)
{
    if (!check_item_bytes(item, error))
        return NULL;
    g_autoptr(Requirement) requirement = g_new0(Requirement, 1);
    requirement->terms = g_ptr_array_new_with_free_func((GDestroyNotify)require_term_free);
    g_autofree char *blanks = g_strdelimit(g_strdup(item), "\t", ' '); /* no tab in what is said or kept */
    g_auto(GStrv) alternatives = g_strsplit(blanks, "|", TERMS_MAX + 1);
    guint n_alternatives = g_strv_length(alternatives);
    if (n_alternatives == 0 || n_alternatives > TERMS_MAX) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "wanted 1 to %d alternatives, found %s", TERMS_MAX,
                  n_alternatives ? "more" : "none");
        return NULL;
    }
    for (guint i = 0; i < n_alternatives; i++) {
        RequireTerm *term = parse_term(alternatives[i], error);
        if (!term)
            return NULL;
        g_ptr_array_add(requirement->terms, term);
    }
    return g_steal_pointer(&requirement);
}

static gboolean check_item(const char *item, gboolean alternatives_allowed, GError **error)
{
    g_autoptr(Requirement) requirement = requirement_parse(item, error);
    if (!requirement)
        return FALSE;
    if (!alternatives_allowed && requirement->terms->len > 1)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted no alternatives here, found \"%s\"", item);
    return TRUE;
}

char **requirement_split(const char *value, gboolean alternatives_allowed, GError **error)
{
    g_autoptr(GStrvBuilder) items = g_strv_builder_new();
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);
    guint n_items = 0;
    for (guint i = 0; parts[i]; i++) {
        const char *item = g_strstrip(g_strdelimit(parts[i], "\t", ' '));
        if (*item == '\0')
            continue;
        if (++n_items > ITEMS_MAX) {
            error_set(error, APPCENTER_ERROR_CORRUPT, "wanted at most %d items, found more", ITEMS_MAX);
            return NULL;
        }
        if (!check_item(item, alternatives_allowed, error))
            return NULL;
        g_strv_builder_add(items, item);
    }
    return g_strv_builder_end(items);
}

char *requirement_to_text(const Requirement *requirement)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < requirement->terms->len; i++) {
        const RequireTerm *term = g_ptr_array_index(requirement->terms, i);
        g_string_append_printf(text, "%s%s", i ? " | " : "", term->name);
        if (term->op != REQUIRE_ANY)
            g_string_append_printf(text, " %s %s", require_op_text(term->op), term->version);
    }
    return g_string_free(text, FALSE);
}

gboolean require_term_matches(const RequireTerm *term, const char *name, const char *version)
{
    if (strcmp(term->name, name) != 0)
        return FALSE;
    if (term->op == REQUIRE_ANY || !version)
        return TRUE;
    int order = version_compare(version, term->version);
    switch (term->op) {
    case REQUIRE_EQ:
        return order == 0;
    case REQUIRE_NE:
        return order != 0;
    case REQUIRE_LT:
        return order < 0;
    case REQUIRE_LE:
        return order <= 0;
    case REQUIRE_GT:
        return order > 0;
    case REQUIRE_GE:
        return order >= 0;
    case REQUIRE_ANY:
        break;
    }
    return TRUE;
}
