/* metadata_test.c - bytes that are no metadata are refused before any signature, and by name.
 *
 * The cases come one at a time: good signed metadata is bent by one change, signed again by the right key, and served.
 */
#include "repo.h"

#include <string.h>

/* One change to a signed part: the member at a path is replaced ("-" deletes it). */
typedef struct {
    const char *role;
    const char *path;  /* members separated by slashes */
    const char *value; /* JSON in single quotes, in an array of one; NULL: delete */
    const char *refusal;
} Bend;

static void bend(json_t *part, const char *path, const char *value)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    guint last = g_strv_length(names) - 1;
    json_t *at = part;
    for (guint i = 0; i < last; i++)
        at = json_object_get(at, names[i]);
    g_assert_nonnull(at);
    if (!value) {
        g_assert_cmpint(json_object_del(at, names[last]), ==, 0);
        return;
    }
    g_autoptr(json_t) boxed = json_of(value);
    g_assert_cmpint(json_object_set(at, names[last], json_array_get(boxed, 0)), ==, 0);
}

static void check_bend(const Bend *bending, const char *versions)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    assert_refreshes(box, repo);
    repo_bump_all(repo, "root targets snapshot timestamp");
    g_autoptr(json_t) part = json_deep_copy(repo_part(repo, bending->role));
    bend(part, bending->path, bending->value);
    g_autoptr(GBytes) bytes = tuf_sign(part, g_hash_table_lookup(repo->signers, bending->role), &error);
    g_assert_no_error(error);
    repo_serve(repo, bending->role, bytes);
    assert_refused(box, repo, APPCENTER_ERROR_CORRUPT, bending->refusal, versions);
}

/* What a box has stored when the second version of this role is refused. */
static const char *versions_before(const char *role)
{
    return strcmp(role, "root") == 0        ? "1 1 1 1"
           : strcmp(role, "timestamp") == 0 ? "2 1 1 1"
           : strcmp(role, "snapshot") == 0  ? "2 2 1 1"
                                            : "2 2 2 1";
}

/* CVE-2026-23991 (go-tuf): valid JSON of the wrong shape. */
static const Bend bends[] = {
    {"root", "_type", "['targets']", "root: signed._type: wanted \"root\""},
    {"root", "_type", NULL, "root: signed._type: wanted a string, found nothing"},
    {"root", "spec_version", "['2.0.0']", "spec_version: wanted 1.x"},
    {"root", "spec_version", "['1']", "spec_version: wanted 1.x"},
    {"root", "spec_version", "['1.x']", "spec_version: wanted 1.x"},
    {"root", "spec_version", "['1.0.0.0']", "spec_version: wanted 1.x"},
    {"root", "version", "[0]", "root: signed.version: wanted an integer from 1"},
    {"root", "version", "[-1]", "root: signed.version: wanted an integer from 1"},
    {"root", "version", "[9223372036854775807]", "root: signed.version: wanted an integer from 1"},
    {"root", "version", "['2']", "root: signed.version: wanted an integer"},
    {"root", "version", NULL, "root: signed.version: wanted an integer"},
    {"root", "expires", "['tomorrow']", "root: signed.expires: wanted a time"},
    {"root", "expires", "['2027-11-22T09:00:00+01:00']", "root: signed.expires: wanted a time"},
    {"root", "expires", NULL, "root: signed.expires"},
    {"root", "consistent_snapshot", "['yes']", "root: signed.consistent_snapshot: wanted true or false"},
    {"root", "keys", "[[]]", "root: signed.keys: wanted an object, found an array"},
    {"root", "keys", "[{'ab':7}]", "root: signed.keys.ab: wanted an object"},
    {"root", "keys", "[{'ab':{'keytype':'ed25519','scheme':'ed25519','keyval':'00'}}]",
     "root: signed.keys.ab.keyval"},
    {"root", "keys", "[{'ab':{'keytype':null,'scheme':'ed25519','keyval':{'public':''}}}]",
     "root: signed.keys.ab.keytype"},
    {"root", "roles", "[null]", "root: signed.roles: wanted an object"},
    {"root", "roles/snapshot", NULL, "root: signed.roles.snapshot: wanted an object or array, found nothing"},
    {"root", "roles/targets/keyids", "['ab']", "keyids: wanted an array of strings, found a string"},
    {"root", "roles/targets/keyids", "[[7]]", "keyids[0]: wanted a string"},
    {"root", "roles/targets/keyids", NULL, "keyids: wanted an array of strings, found nothing"},
    {"timestamp", "meta", "[{}]", "timestamp: signed.meta: wanted snapshot.json in it"},
    {"timestamp", "meta", "[[]]", "timestamp: signed.meta: wanted an object"},
    {"timestamp", "meta", "[{'snapshot.json':{}}]", "version: wanted an integer from 1"},
    {"timestamp", "meta", "[{'snapshot.json':{'version':2,'length':-1}}]",
     "length: wanted an integer from 0"},
    {"timestamp", "meta", "[{'snapshot.json':{'version':2,'length':99999999999}}]",
     "length: wanted an integer from 0"},
    {"timestamp", "meta", "[{'snapshot.json':{'version':2,'hashes':{'sha256':'../../x'}}}]",
     "sha256: wanted 64 lower"},
    {"snapshot", "meta", "[{'targets.json':{'version':2,'hashes':[]}}]",
     "hashes: wanted an object, found an array"},
    {"snapshot", "meta", "[{'targets.json':7}]", "wanted an object or array, found 7"},
    {"targets", "targets", "[[]]", "targets: signed.targets: wanted an object"},
    {"targets", "targets", "[{'a':{'hashes':{'sha256':'ab'},'length':1}}]", "sha256: wanted 64 lower"},
    {"targets", "targets", "[{'a':{'length':1}}]", "a.hashes: wanted an object, found nothing"},
    {"targets", "targets", "[{'a':{'hashes':{'md5':7},'length':1}}]", "a.hashes.md5: wanted a string"},
    {"targets", "targets", "[{'a':{'hashes':{'md5':''},'length':-1}}]", "a.length: wanted an integer from 0"},
    {"targets", "targets", "[{'a':{'hashes':{'md5':''},'length':1,'custom':7}}]",
     "a.custom: wanted an object"},
    {"targets", "delegations", "[{}]", "delegations.keys: wanted an object"},
    {"targets", "delegations", "[{'keys':{}}]",
     "delegations.roles: wanted an object or array, found nothing"},
    {"targets", "delegations", "[{'keys':{},'roles':{}}]", "roles: wanted an array, found an object"},
    {"targets", "delegations", "[{'keys':{},'roles':[],'succinct_roles':{}}]",
     "wanted either roles or succinct_roles"},
    {"targets", "delegations",
     "[{'keys':{},'succinct_roles':{'keyids':[],'threshold':1,'bit_length':0,'name_prefix':'b'}}]",
     "bit_length: wanted an integer from 1 to 32"},
    {"targets", "delegations",
     "[{'keys':{},'roles':[{'name':'root','keyids':[],'threshold':1,'terminating':false,'paths':[]}]}]",
     "name: wanted the name of a delegated role, found \"root\""},
    {"targets", "delegations",
     "[{'keys':{},'roles':[{'name':'','keyids':[],'threshold':1,'terminating':false,'paths':[]}]}]",
     "name: wanted the name of a delegated role"},
    {"targets", "delegations",
     "[{'keys':{},'roles':[{'name':'a','keyids':[],'threshold':1,'terminating':false,'paths':[]},"
     "{'name':'a','keyids':[],'threshold':1,'terminating':false,'paths':[]}]}]",
     "name: wanted each role once"},
    {"targets", "delegations",
     "[{'keys':{},'roles':[{'name':'a','keyids':[],'threshold':1,'terminating':0,'paths':[]}]}]",
     "terminating: wanted true or false"},
    {"targets", "delegations",
     "[{'keys':{},'roles':[{'name':'a','keyids':[],'threshold':1,'terminating':false,'paths':[7]}]}]",
     "paths[0]: wanted a string"},
    {"targets", "delegations",
     "[{'keys':{},'roles':[{'name':'a','keyids':[],'threshold':1,'terminating':false,'path_hash_prefixes':['"
     "xy']}]}]",
     "path_hash_prefixes: wanted lower-case hex digits"},
    {"targets", "delegations",
     "[{'keys':{},'roles':[{'name':'a','keyids':[],'threshold':1,'terminating':false,'paths':[],"
     "'path_hash_prefixes':[]}]}]",
     "wanted either paths or path_hash_prefixes, found both"},
};

static void test_bends(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bends); i++) {
        g_test_message("%s %s %s", bends[i].role, bends[i].path, bends[i].value ? bends[i].value : "deleted");
        check_bend(&bends[i], versions_before(bends[i].role));
    }
}

/* CVE-2026-23992 (go-tuf): thresholds that verify nothing. */
static const Bend thresholds[] = {
    {"root", "roles/targets/threshold", "[0]", "threshold: wanted an integer from 1"},
    {"root", "roles/targets/threshold", "[-1]", "threshold: wanted an integer from 1"},
    {"root", "roles/targets/threshold", "['1']", "threshold: wanted an integer from 1"},
    {"root", "roles/targets/threshold", "[4294967297]", "threshold: wanted an integer from 1"},
    {"targets", "delegations",
     "[{'keys':{},'roles':[{'name':'a','keyids':[],'threshold':0,'terminating':false,'paths':[]}]}]",
     "threshold: wanted an integer from 1"},
    {"targets", "delegations",
     "[{'keys':{},'succinct_roles':{'keyids':[],'threshold':0,'bit_length':4,'name_prefix':'b'}}]",
     "threshold: wanted an integer from 1"},
};

static void test_thresholds(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(thresholds); i++)
        check_bend(&thresholds[i], versions_before(thresholds[i].role));
}

static const struct {
    const char *text;
    const char *refusal;
} no_metadata[] = {
    {"", "timestamp: json: byte 0"},
    {"{", "timestamp: json: "},
    {"null", "timestamp: wanted an object, found null"},
    {"[]", "timestamp: wanted an object, found an array"},
    {"{}", "timestamp: signatures: wanted an object or array, found nothing"},
    {"{\"signatures\":{},\"signed\":{}}", "timestamp: signatures: wanted an array"},
    {"{\"signatures\":[],\"signed\":[]}", "timestamp: signed: wanted an object, found an array"},
    {"{\"signatures\":[7],\"signed\":{}}", "timestamp: signatures[0]: wanted an object"},
    {"{\"signatures\":[{\"keyid\":\"a\"}],\"signed\":{}}", "timestamp: signatures[0].sig: wanted a string"},
    {"{\"signatures\":[{\"keyid\":7,\"sig\":\"\"}],\"signed\":{}}",
     "timestamp: signatures[0].keyid: wanted a string"},
    {"{\"signatures\":[],\"signed\":{},\"signed\":{}}", "timestamp: json: "},
    {"{\"signatures\":[],\"signed\":{}} x", "timestamp: json: "},
    {"\xef\xbb\xbf{\"signatures\":[],\"signed\":{}}", "timestamp: json: "},
    {"{\"signatures\":[],\"signed\":\"\xff\"}", "timestamp: json: "},
};

static void test_no_metadata(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(no_metadata); i++) {
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        g_autoptr(GBytes) bytes = bytes_of(no_metadata[i].text);
        repo_serve(repo, "timestamp", bytes);
        assert_refused(box, repo, APPCENTER_ERROR_CORRUPT, no_metadata[i].refusal, "1 0 0 0");
    }
}

static void test_depth(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    GString *text = g_string_new("{\"signatures\":[],\"signed\":");
    for (int i = 0; i < 5000; i++)
        g_string_append_c(text, '[');
    g_autoptr(GBytes) bytes = g_string_free_to_bytes(text);
    repo_serve(repo, "timestamp", bytes);
    assert_refused(box, repo, APPCENTER_ERROR_CORRUPT, "wanted at most 64 levels", "1 0 0 0");
}

static void test_real(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(json_t) served = repo_served(repo, "timestamp");
    json_object_set_new(json_object_get(served, "signed"), "x-rate", json_real(0.5));
    repo_serve_json(repo, "timestamp", served);
    assert_refused(box, repo, APPCENTER_ERROR_CORRUPT, "timestamp: canonical json: wanted integers only",
                   "1 0 0 0");
}

/* A real number beside the signed part is nobody's business. */
static void test_real_outside(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(json_t) served = repo_served(repo, "timestamp");
    json_object_set_new(served, "x-rate", json_real(0.5));
    repo_serve_json(repo, "timestamp", served);
    assert_refreshes(box, repo);
}

static void test_two_part_spec_version(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_set(repo, "root", "spec_version", json_string("1.0"));
    repo_set(repo, "timestamp", "spec_version", json_string("1.21.7"));
    repo_bump_all(repo, "root timestamp");
    assert_refreshes(box, repo);
    g_assert_cmpint(box_version(box, "root"), ==, 2);
}

static void test_custom_fields(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    json_t *targets_role = repo_role(repo, "targets");
    repo_set(repo, "root", "x-note", json_string("line\nfeed"));
    json_object_set_new(targets_role, "x-owner", json_pack("{s:i}", "team", 7));
    repo_set(repo, "timestamp", "signed_at", json_string("2026-11-22T08:00:00Z"));
    repo_set(repo, "snapshot", "signed_at", json_integer(7));
    repo_bump_all(repo, "root snapshot timestamp");
    assert_refreshes(box, repo);
    TufRoleInfo info = {0};
    g_assert_true(tuf_client_role(box->client, "timestamp", &info));
    g_assert_cmpint(info.signed_at, ==, NOW - 3600);
    g_assert_cmpint(info.version, ==, 2);
    g_assert_cmpint(info.expires_at, ==, NOW + 365 * (gint64)DAY);
    g_assert_true(tuf_client_role(box->client, "snapshot", &info));
    g_assert_cmpint(info.signed_at, ==, 0);
    g_assert_false(tuf_client_role(box->client, "acme", &info));
}

void metadata_tests_add(void)
{
    g_test_add_func("/metadata/cve_2026_23991_wrong_shapes_are_refused_by_name", test_bends);
    g_test_add_func("/metadata/cve_2026_23992_a_threshold_below_one_is_refused", test_thresholds);
    g_test_add_func("/metadata/what_is_no_metadata_is_refused", test_no_metadata);
    g_test_add_func("/metadata/deep_nesting_is_refused", test_depth);
    g_test_add_func("/metadata/a_real_number_in_the_signed_part_is_refused", test_real);
    g_test_add_func("/metadata/a_real_number_outside_of_it_is_not", test_real_outside);
    g_test_add_func("/metadata/other_minor_versions_of_the_specification_are_read",
                    test_two_part_spec_version);
    g_test_add_func("/metadata/unknown_members_are_signed_and_kept", test_custom_fields);
}
