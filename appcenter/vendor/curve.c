/* curve.c - parsing roll-out curves; see curve.h. */
#include "vendor/curve.h"

#include <string.h>
#include <sys/random.h>

/* "20%" or "0.5%" as permyriad; FALSE on anything else. */
static gboolean parse_share(const char *text, gint64 *permyriad)
{
    gsize len = strlen(text);
    char *end = NULL;
    if (len < 2 || text[len - 1] != '%' || !g_ascii_isdigit(text[0]) ||
        strspn(text, "0123456789.") != len - 1) /* strtod would take "0x9" and "1e1", too */
        return FALSE;
    double percent = g_ascii_strtod(text, &end);
    if (end != text + len - 1 || percent < 0 || percent > 100)
        return FALSE;
    *permyriad = (gint64)(percent * 100 + 0.5);
    return TRUE;
}

static char *new_id(GError **error)
{
    guint8 random[4];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return error_set_errno(error, "no random bytes"), NULL;
    g_autofree char *hex = units_hex(random, sizeof random);
    return g_strconcat("r-", hex, NULL);
}

json_t *curve_to_rollout(const char *text, GError **error)
{
    g_auto(GStrv) points = g_strsplit(text, ",", 65);
    g_autoptr(json_t) curve = json_array();
    gint64 last_s = -1, last_share = -1;
    for (char **point = points; *point; point++) {
        g_auto(GStrv) parts = g_strsplit(*point, ":", 2);
        gint64 after_s, share;
        if (!parts[0] || !parts[1] || !units_parse_duration(parts[0], &after_s) ||
            !parse_share(parts[1], &share)) {
            error_set(error, APPCENTER_ERROR_INVALID,
                      "curve: wanted TIME:SHARE%% such as 15m:20%%, found \"%s\"", *point);
            return NULL;
        }
        if (after_s <= last_s || share < last_share) {
            error_set(error, APPCENTER_ERROR_INVALID, "curve: \"%s\": times and shares must rise", *point);
            return NULL;
        }
        last_s = after_s;
        last_share = share;
        json_array_append_new(curve, json_pack("[I, I]", (json_int_t)after_s, (json_int_t)share));
    }
    if (json_array_size(curve) == 0 || json_array_size(curve) > 64) {
        error_set(error, APPCENTER_ERROR_INVALID, "curve: wanted 1 to 64 points");
        return NULL;
    }
    g_autofree char *id = new_id(error);
    return id ? json_pack("{s:s, s:n, s:O}", "id", id, "start", "curve", curve) : NULL;
}
