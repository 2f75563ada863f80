/* release_test.c - one release of the catalogue: read whole, refused by member, written the same again. */
#include "test.h"

#include <string.h>

#define FULL                                                                                                 \
    "{'name':'PhotoStation','version':'6.1.2','arch':'x86_64','path':'packages/" SHA                         \
    ".PhotoStation_6.1.2_x86_64.qpkg','size':32505856,'sha256':'" SHA "','data_sha256':'" SHA                \
    "','installed_size':71303168,'files':214,'requires':['MediaLibrary >= 2.0'],'conflicts':['Old < 1'],"    \
    "'provides':['Photos'],'obsoletes':[],'os_min':'5.0.1','os_max':null,'summary':{'en':'Photo "            \
    "gallery','ja':'x'},"                                                                                    \
    "'published':'2026-11-22T08:40:00Z','urgency':{'class':'emergency','urgent_at':'2026-11-22T09:00:00Z',"  \
    "'install_within_s':43200,'reason':'exploited','advisories':['QSA-22-24']},'rollout':{'id':'r-118',"     \
    "'start':'2026-11-22T09:00:00Z','curve':[[0,100],[900,2000],[2700,10000]]},'changes':{'en':'...'}}"

static Release *full_release(void)
{
    g_autoptr(json_t) value = json_value(FULL);
    g_autoptr(GError) error = NULL;
    Release *release = release_from_json(value, "release", &error);
    g_assert_no_error(error);
    return release;
}

static void a_full_line_is_read(void)
{
    g_autoptr(Release) release = full_release();
    g_assert_cmpstr(release->name, ==, "PhotoStation");
    g_assert_cmpint(release->size_bytes, ==, 32505856);
    g_assert_cmpint(release->files, ==, 214);
    g_assert_cmpstr(release->requires[0], ==, "MediaLibrary >= 2.0");
    g_assert_null(release->os_max);
    g_assert_cmpint(release->published_at, ==, at("2026-11-22T08:40:00Z"));
    g_assert_cmpint(release->urgency->cls, ==, CLASS_EMERGENCY);
    g_assert_cmpint(release->urgency->install_within_s, ==, 43200);
    g_assert_cmpstr(release->urgency->advisories[0], ==, "QSA-22-24");
    g_assert_cmpuint(release->rollout->curve->len, ==, 3);
    g_assert_cmpuint(g_array_index(release->rollout->curve, CurvePoint, 1).permyriad, ==, 2000);
}

static void what_was_read_is_written_the_same(void)
{
    g_autoptr(json_t) wanted = json_value(FULL);
    g_autoptr(Release) release = full_release();
    g_autoptr(json_t) written = release_to_json(release);
    g_assert_true(json_equal(wanted, written));
    g_autoptr(Release) copy = release_copy(release);
    g_clear_pointer(&release, release_free);
    g_autoptr(json_t) written_copy = release_to_json(copy);
    g_assert_true(json_equal(wanted, written_copy));
}

static void lists_are_never_null(void)
{
    g_autoptr(Release) release = release_of("A", "1", NULL);
    g_assert_cmpuint(g_strv_length(release->requires), ==, 0);
    g_assert_cmpuint(g_strv_length(release->conflicts), ==, 0);
    g_assert_cmpuint(g_strv_length(release->provides), ==, 0);
    g_assert_cmpuint(g_strv_length(release->obsoletes), ==, 0);
    g_assert_null(release->urgency);
    g_assert_null(release->rollout);
}

static void unknown_members_are_ignored(void)
{
    g_autoptr(Release) release = release_of("A", "1",
                                            "'later':{'x':[1,2]},'urgency':{'class':'critical',"
                                            "'urgent_at':'2026-11-22T09:00:00Z','later':1}");
    g_assert_cmpint(release->urgency->cls, ==, CLASS_CRITICAL);
}

static void a_bad_member_is_named(void)
{
    static const struct {
        const char *member, *value, *part;
    } rows[] = {
        {"name", "'../etc'", "release: name: wanted a name"},
        {"name", "null", "release: name: wanted a string"},
        {"version", "'1;x'", "release: version: wanted a version"},
        {"arch", "'amd64'", "release: arch: wanted an architecture"},
        {"path", "'packages/x.qpkg'", "release: path: wanted"},
        {"path", "'packages/" SHA ".'", "release: path: wanted"},
        {"path", "'packages/" SHA ".a/../b'", "release: path: wanted"},
        {"path", "'packages/" SHA "...'", "release: path: wanted"},
        {"path", "'https://x/packages/" SHA ".a'", "release: path: wanted"},
        {"size", "0", "release: size: wanted an integer from 1"},
        {"size", "1099511627777", "release: size: wanted an integer"},
        {"size", "'1'", "release: size: wanted an integer"},
        {"sha256", "'ABC'", "release: sha256: wanted 64 lower-case"},
        {"data_sha256", "'12'", "release: data_sha256: wanted 64"},
        {"installed_size", "-1", "release: installed_size: wanted"},
        {"requires", "['A => 1']", "release: requires: wanted an operator"},
        {"requires", "'A'", "release: requires: wanted an array"},
        {"conflicts", "['A | B']", "release: conflicts: wanted no altern"},
        {"os_min", "'x y'", "release: os_min: wanted a version"},
        {"summary", "['x']", "summary"},
        {"summary", "{'en':'\\u001b[2J'}", "summary.en: wanted plain text"},
        {"summary", "{'en':'\\u202eevil'}", "found the control character U+202E"},
        {"published", "'yesterday'", "release: published: wanted a time"},
        {"urgency", "{'class':'panic','urgent_at':'2026-11-22T09:00:00Z'}", "urgency.class: wanted feature"},
        {"urgency", "{'class':'critical'}", "urgency.urgent_at: wanted a string"},
        {"rollout", "{'id':'r','start':'2026-11-22T09:00:00Z','curve':[]}",
         "rollout.curve: wanted at least one"},
        {"rollout", "{'id':'r','start':'2026-11-22T09:00:00Z','curve':[[0,10001]]}",
         "rollout.curve[0]: wanted"},
        {"rollout", "{'id':'r','start':'2026-11-22T09:00:00Z','curve':[[0,1,2]]}",
         "rollout.curve[0]: wanted"},
        {"rollout", "{'id':'r','start':'2026-11-22T09:00:00Z','curve':[[5,1],[5,2]]}",
         "curve[1]: wanted a later"},
        {"rollout", "{'id':'r','start':'2026-11-22T09:00:00Z','curve':[[0,9],[5,2]]}", "no smaller share"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) value = json_value(FULL);
        g_autofree char *wrapped = g_strdup_printf("[%s]", rows[i].value);
        g_autoptr(json_t) bad = json_value(wrapped);
        g_autoptr(GError) error = NULL;
        json_object_set(value, rows[i].member, json_array_get(bad, 0));
        g_assert_null(release_from_json(value, "release", &error));
        assert_refused(&error, APPCENTER_ERROR_CORRUPT, rows[i].part);
    }
}

static void each_needed_member_is_missed(void)
{
    static const char *const members[] = {"name", "version", "arch", "path", "size", "sha256", "published"};
    for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
        g_autoptr(json_t) value = json_value(FULL);
        g_autoptr(GError) error = NULL;
        json_object_del(value, members[i]);
        g_assert_null(release_from_json(value, "release", &error));
        assert_refused(&error, APPCENTER_ERROR_CORRUPT, "found nothing");
    }
}

static void only_the_vendor_grants_the_emergency_class(void)
{
    g_autoptr(Release) release = full_release();
    g_assert_cmpint(release_class(release), ==, CLASS_CRITICAL);
    release->publisher = g_strdup("acme");
    g_assert_cmpint(release_class(release), ==, CLASS_CRITICAL);
    g_free(release->publisher);
    release->publisher = g_strdup("vendor");
    g_assert_cmpint(release_class(release), ==, CLASS_EMERGENCY);
    g_autoptr(Release) plain = release_of("A", "1", NULL);
    g_assert_cmpint(release_class(plain), ==, CLASS_NORMAL);
}

static void classes_have_names(void)
{
    for (UrgencyClass cls = CLASS_FEATURE; cls <= CLASS_EMERGENCY; cls++) {
        UrgencyClass found;
        g_assert_true(urgency_class_from_name(urgency_class_name(cls), &found));
        g_assert_cmpint(found, ==, cls);
        g_assert_cmpint(urgency_class_is_security(cls), ==, cls >= CLASS_IMPORTANT);
    }
    UrgencyClass none;
    g_assert_false(urgency_class_from_name("panic", &none));
    g_assert_false(urgency_class_from_name(NULL, &none));
}

static void the_best_language_is_taken(void)
{
    g_autoptr(json_t) both = json_value("{'ja':'J','en':'E'}");
    g_autoptr(json_t) other = json_value("{'de':'D'}");
    g_assert_cmpstr(localized_text(both, "ja"), ==, "J");
    g_assert_cmpstr(localized_text(both, "fr"), ==, "E");
    g_assert_cmpstr(localized_text(both, NULL), ==, "E");
    g_assert_cmpstr(localized_text(other, "fr"), ==, "D");
    g_assert_cmpstr(localized_text(NULL, "fr"), ==, "");
}

void release_tests(void)
{
    g_test_add_func("/release/a_full_line_is_read", a_full_line_is_read);
    g_test_add_func("/release/what_was_read_is_written_the_same", what_was_read_is_written_the_same);
    g_test_add_func("/release/lists_are_never_null", lists_are_never_null);
    g_test_add_func("/release/unknown_members_are_ignored", unknown_members_are_ignored);
    g_test_add_func("/release/a_bad_member_is_named", a_bad_member_is_named);
    g_test_add_func("/release/each_needed_member_is_missed", each_needed_member_is_missed);
    g_test_add_func("/release/only_the_vendor_grants_the_emergency_class",
                    only_the_vendor_grants_the_emergency_class);
    g_test_add_func("/release/classes_have_names", classes_have_names);
    g_test_add_func("/release/the_best_language_is_taken", the_best_language_is_taken);
}
