/* version.c - the one order of versions, and names and architectures.
 *
 * A version is read as tokens: numbers and words. The order is lexicographic over tokens, and tokens have a
 * total order of their own (pre-release word < end < other word < number), so the whole is total and
 * transitive by construction. Zeros that stand before a word or the end are dropped while reading; that is
 * why 1.0 = 1.0.0 and 1.0a = 1a hold without a special case in the comparison.
 */
#include "model/version.h"

#include <string.h>

#define VERSION_BYTES_MAX 64
#define NAME_BYTES_MAX    40

/* In the order of age: an earlier kind is older than a later one. */
typedef enum { TOKEN_PRERELEASE, TOKEN_END, TOKEN_WORD, TOKEN_NUMBER } TokenKind;

typedef struct {
    TokenKind kind;
    const char *start; /* a number starts behind its leading zeros: length 0 is zero */
    gsize len;
} Token;

static gboolean is_prerelease(const char *word, gsize len)
{
    static const char *const words[] = {"alpha", "beta", "pre", "rc", "dev"};
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (strlen(words[i]) == len && g_ascii_strncasecmp(word, words[i], len) == 0)
            return TRUE;
    return FALSE;
}

static Token read_number(const char **cursor)
{
    const char *p = *cursor;
    while (*p == '0')
        p++;
    Token token = {.kind = TOKEN_NUMBER, .start = p};
    while (g_ascii_isdigit(*p))
        p++;
    token.len = (gsize)(p - token.start);
    *cursor = p;
    return token;
}

static Token read_token(const char **cursor)
{
    const char *p = *cursor;
    while (*p && !g_ascii_isalnum(*p))
        p++;
    *cursor = p;
    if (g_ascii_isdigit(*p))
        return read_number(cursor);
    Token token = {.kind = TOKEN_END, .start = p};
    while (g_ascii_isalpha(*p))
        p++;
    token.len = (gsize)(p - token.start);
    if (token.len > 0)
        token.kind = is_prerelease(token.start, token.len) ? TOKEN_PRERELEASE : TOKEN_WORD;
    *cursor = p;
    return token;
}

static gboolean is_zero(Token token)
{
    return token.kind == TOKEN_NUMBER && token.len == 0;
}

/* The next token that counts: a zero does only when a number other than zero comes before the next word or
 * the end. */
static Token next_token(const char **cursor)
{
    Token token = read_token(cursor);
    if (!is_zero(token))
        return token;
    const char *ahead = *cursor;
    Token next = read_token(&ahead);
    while (is_zero(next))
        next = read_token(&ahead);
    if (next.kind == TOKEN_NUMBER)
        return token;
    *cursor = ahead;
    return next;
}

static int compare_tokens(Token a, Token b)
{
    if (a.kind != b.kind)
        return a.kind < b.kind ? -1 : 1;
    if (a.kind == TOKEN_NUMBER && a.len != b.len)
        return a.len < b.len ? -1 : 1;
    int order = memcmp(a.start, b.start, MIN(a.len, b.len));
    if (order != 0)
        return order < 0 ? -1 : 1;
    return a.len == b.len ? 0 : (a.len < b.len ? -1 : 1);
}

int version_compare(const char *a, const char *b)
{
    for (;;) {
        Token token_a = next_token(&a);
        Token token_b = next_token(&b);
        int order = compare_tokens(token_a, token_b);
        if (order != 0 || token_a.kind == TOKEN_END)
            return order;
    }
}

/* Debian's rule compares text and digits in turn, with '~' before the end, the end before letters, letters
 * before other bytes. So every token opens with a byte of the right rank ('~', a letter, '.'), and a word
 * closes with '~', which puts it before every longer word that starts with it. */
char *version_normal_form(const char *text)
{
    GString *form = g_string_new("0");
    for (Token token = next_token(&text); token.kind != TOKEN_END; token = next_token(&text)) {
        if (token.kind == TOKEN_NUMBER) {
            g_string_append_c(form, '.');
            g_string_append_len(form, token.len ? token.start : "0", token.len ? (gssize)token.len : 1);
            continue;
        }
        g_string_append_c(form, token.kind == TOKEN_PRERELEASE ? '~' : 'w');
        g_string_append_len(form, token.start, (gssize)token.len);
        g_string_append_c(form, '~');
    }
    return g_string_free(form, FALSE);
}

gboolean version_is_valid(const char *text)
{
    gboolean has_token = FALSE;
    gsize len = 0;
    for (; text && text[len]; len++) {
        gboolean is_alnum = g_ascii_isalnum(text[len]);
        if (len == VERSION_BYTES_MAX || (!is_alnum && !strchr("._+~-", text[len])))
            return FALSE;
        has_token |= is_alnum;
    }
    return has_token;
}

gboolean app_name_is_valid(const char *name)
{
    if (!name || !g_ascii_isalnum(name[0]))
        return FALSE;
    gsize len = 1;
    for (; name[len]; len++)
        if (len == NAME_BYTES_MAX || (!g_ascii_isalnum(name[len]) && !strchr("._+-", name[len])))
            return FALSE;
    return TRUE;
}

static const char *const arch_names[] = {"all",    "arm-x09", "arm-x19",    "arm-x31", "arm-x41",
                                         "arm_64", "x86",     "x86_ce53xx", "x86_64",  NULL};

gboolean arch_is_valid(const char *arch)
{
    return arch && g_strv_contains(arch_names, arch);
}

const char *arch_of_file_name(const char *file)
{
    for (const char *const *arch = arch_names; *arch; arch++) {
        g_autofree char *ending = g_strdup_printf("_%s.qpkg", *arch);
        if (g_str_has_suffix(file, ending))
            return *arch;
    }
    return NULL;
}

gboolean arch_fits(const char *package_arch, const char *box_arch)
{
    if (strcmp(package_arch, "all") == 0 || strcmp(package_arch, box_arch) == 0)
        return TRUE;
    return strcmp(package_arch, "x86") == 0 && strcmp(box_arch, "x86_64") == 0;
}
