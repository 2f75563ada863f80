/* fuzz_config.c - qpkg.cfg: what is accepted, written out and read again, is the same; and the identity in it. */
#include "fuzz.h"

#include <string.h>

static void check_identity(const QpkgConfig *config)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QpkgIdentity) identity = qpkg_identity_from_config(config, &error);
    if (!identity) {
        fuzz_check_refusal(error);
        return;
    }
    g_assert_true(app_name_is_valid(identity->name) && version_is_valid(identity->version));
    g_assert_true(!identity->service_program || files_path_is_inside(identity->service_program));
    g_assert_true(identity->start_timeout_s > 0 && identity->start_timeout_s <= 600);
    for (char **file = identity->config_files; *file; file++)
        g_assert_true(files_path_is_inside(**file == '/' ? *file + 1 : *file));
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QpkgConfig) config = qpkg_config_parse(data, len, &error);
    if (!config) {
        fuzz_check_refusal(error);
        return 0;
    }
    check_identity(config);
    g_autofree char *text = qpkg_config_to_text(config);
    if (strlen(text) > 65536) /* escapes make it longer than may be read again */
        return 0;
    g_autoptr(QpkgConfig) again = qpkg_config_parse(text, strlen(text), &error);
    g_assert_no_error(error);
    g_autofree char *same = qpkg_config_to_text(again);
    g_assert_cmpstr(text, ==, same);
    return 0;
}
