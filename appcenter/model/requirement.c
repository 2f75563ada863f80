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

static gboolean name_is_valid(const char *name)
{
    return app_name_is_valid(g_str_has_prefix(name, OPTWARE_PREFIX) ? name + strlen(OPTWARE_PREFIX) : name);
}

typedef struct {
    const char *start;
    gsize len;
} Word;

#define WORDS_KEPT 3

/* What stands between two '|': its first words, which are all that count. Planning reads items by the thousand, so nothing
 * is copied before it is known to be wanted. */
typedef struct {
    const char *start;
    gsize len;
    Word words[WORDS_KEPT]; /* len 0: there is none */
    guint n_ops;
} Alternative;

static char *alternative_text(const Alternative *alternative)
{
    return g_strdelimit(g_strndup(alternative->start, alternative->len), "\t",
                        ' '); /* no tab in what is said */
}

static gboolean is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static gboolean is_op_byte(char byte)
{
    return byte != '\0' && strchr(OP_BYTES, byte) != NULL;
}

static gboolean is_op_word(Word word)
{
    return word.len > 0 && is_op_byte(*word.start);
}

/* Splits at blanks and around runs of operator bytes: "Foo>=1" gives Foo, >=, 1. */
static Alternative split_words(const char *start, gsize len)
{
    Alternative alternative = {.start = start, .len = len};
    const char *end = start + len;
    guint n_words = 0;
    for (const char *p = start; p < end;) {
        if (is_blank(*p)) {
            p++;
            continue;
        }
        Word word = {p, 0};
        gboolean is_op = is_op_byte(*p);
        while (p < end && !is_blank(*p) && is_op_byte(*p) == is_op)
            p++;
        word.len = (gsize)(p - word.start);
        alternative.n_ops += is_op;
        if (n_words < WORDS_KEPT)
            alternative.words[n_words++] = word;
    }
    return alternative;
}

static gboolean op_from_word(Word word, RequireOp *op)
{
    for (guint i = 0; i < G_N_ELEMENTS(operators); i++)
        if (strlen(operators[i].text) == word.len && strncmp(operators[i].text, word.start, word.len) == 0) {
            *op = operators[i].op;
            return TRUE;
        }
    return FALSE;
}

static gboolean check_one_operator(const Alternative *alternative, GError **error)
{
    if (alternative->n_ops <= 1)
        return TRUE;
    g_autofree char *text = alternative_text(alternative);
    return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted one operator in \"%s\", found %u", text,
                     alternative->n_ops);
}

/* The words are NAME, then perhaps an operator and a version. A lone second word that is no operator is dropped
 * (in the real world: "QVPN Service"); with a third one behind it, it stands where an operator should. */
static gboolean read_bound(const Alternative *alternative, RequireTerm *term, GError **error)
{
    Word second = alternative->words[1], third = alternative->words[2];
    if (second.len == 0)
        return TRUE;
    if (!op_from_word(second, &term->op)) {
        if (!is_op_word(second) && third.len == 0)
            return TRUE;
        g_autofree char *text = alternative_text(alternative);
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "wanted an operator behind \"%s\" in \"%s\", found \"%.*s\"", term->name, text,
                         (int)second.len, second.start);
    }
    if (third.len == 0) { /* "Foo >=" asks for no version */
        term->op = REQUIRE_ANY;
        return TRUE;
    }
    term->version = g_strndup(third.start, third.len);
    if (version_is_valid(term->version))
        return TRUE;
    g_autofree char *text = alternative_text(alternative);
    return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted a version in \"%s\", found \"%s\"", text,
                     term->version);
}

static RequireTerm *parse_term(const char *start, gsize len, GError **error)
{
    Alternative alternative = split_words(start, len);
    Word first = alternative.words[0];
    if (first.len == 0) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "wanted an app name, found nothing");
        return NULL;
    }
    g_autoptr(RequireTerm) term = g_new0(RequireTerm, 1);
    term->op = REQUIRE_ANY;
    term->name = g_strndup(first.start, first.len);
    if (!name_is_valid(term->name)) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "wanted an app name, found \"%s\"", term->name);
        return NULL;
    }
    if (!check_one_operator(&alternative, error) || !read_bound(&alternative, term, error))
        return NULL;
    return g_steal_pointer(&term);
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

static gboolean check_alternatives(const char *item, GError **error)
{
    guint n_alternatives = *item ? 1 : 0;
    for (const char *p = item; *p; p++)
        n_alternatives += *p == '|';
    return (n_alternatives > 0 && n_alternatives <= TERMS_MAX) ||
           error_set(error, APPCENTER_ERROR_CORRUPT, "wanted 1 to %d alternatives, found %s", TERMS_MAX,
                     n_alternatives ? "more" : "none");
}

Requirement *requirement_parse(const char *item, GError **error)
{
    if (!check_item_bytes(item, error) || !check_alternatives(item, error))
        return NULL;
    g_autoptr(Requirement) requirement = g_new0(Requirement, 1);
    requirement->terms = g_ptr_array_new_with_free_func((GDestroyNotify)require_term_free);
    for (const char *start = item; start;) {
        gsize len = strcspn(start, "|");
        RequireTerm *term = parse_term(start, len, error);
        if (!term)
            return NULL;
        g_ptr_array_add(requirement->terms, term);
        start = start[len] ? start + len + 1 : NULL;
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

gboolean requirement_matches(const Requirement *requirement, const char *name, const char *version)
{
    for (guint i = 0; requirement && i < requirement->terms->len; i++)
        if (require_term_matches(g_ptr_array_index(requirement->terms, i), name, version))
            return TRUE;
    return FALSE;
}
