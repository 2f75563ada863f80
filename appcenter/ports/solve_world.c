/* solve_world.c - fills a libsolv pool from our records, in an order of its own so that the same input always gives the
 * same ids, and ids are what libsolv decides ties by.
 *
 * Hides how versions, requirements and the OS version become libsolv's: versions in their normal form (DISTTYPE_DEB), the
 * firmware as something that a made-up system package provides, `!=` as older-or-newer.
 */
#include "ports/solve_world.h"

#include <string.h>
#include <solv/repo.h>
#include <solv/solvable.h>

#define OS_REQUIREMENT "QNAP_FW"
#define OS_NAME        "system:os" /* no app can be called so */

const WorldItem *world_item(const World *world, Id id)
{
    static const WorldItem nobody = {NULL, NULL};
    return id > 0 && (guint)id < world->items->len ? &g_array_index(world->items, WorldItem, id) : &nobody;
}

const char *world_name(const World *world, Id id)
{
    const WorldItem *item = world_item(world, id);
    return item->installed ? item->installed->name : item->release ? item->release->name : OS_REQUIREMENT;
}

const char *world_version(const World *world, Id id)
{
    const WorldItem *item = world_item(world, id);
    return item->installed ? item->installed->version
           : item->release ? item->release->version
                           : world->input->os_version;
}

Id world_installed_id(const World *world, const char *name)
{
    for (Id id = 1; (guint)id < world->items->len; id++) {
        const WorldItem *item = world_item(world, id);
        if (item->installed && strcmp(item->installed->name, name) == 0)
            return id;
    }
    return 0;
}

static gboolean is_same_release(const Release *a, const Release *b)
{
    return strcmp(a->name, b->name) == 0 && version_compare(a->version, b->version) == 0;
}

Id world_release_id(const World *world, const Release *release)
{
    for (Id id = 1; (guint)id < world->items->len; id++) {
        const WorldItem *item = world_item(world, id);
        if (item->release && is_same_release(item->release, release))
            return id;
    }
    return 0;
}

/* ---- dependencies ---- */

static int relation_flags(RequireOp op)
{
    switch (op) {
    case REQUIRE_EQ:
        return REL_EQ;
    case REQUIRE_NE:
        return REL_LT | REL_GT;
    case REQUIRE_LT:
        return REL_LT;
    case REQUIRE_LE:
        return REL_LT | REL_EQ;
    case REQUIRE_GT:
        return REL_GT;
    case REQUIRE_GE:
        return REL_GT | REL_EQ;
    case REQUIRE_ANY:
        break;
    }
    return 0;
}

static Id name_id(World *world, const char *name)
{
    return pool_str2id(world->pool, strcmp(name, OS_REQUIREMENT) == 0 ? OS_NAME : name, 1);
}

static Id version_id(World *world, const char *version)
{
    g_autofree char *form = version_normal_form(version);
    return pool_str2id(world->pool, form, 1);
}

static Id term_id(World *world, const RequireTerm *term)
{
    Id name = name_id(world, term->name);
    if (term->op == REQUIRE_ANY)
        return name;
    return pool_rel2id(world->pool, name, version_id(world, term->version), relation_flags(term->op), 1);
}

static void remember_words(World *world, Id dependency, Requirement *requirement)
{
    if (g_hash_table_contains(world->words, GINT_TO_POINTER(dependency)))
        requirement_free(requirement);
    else
        g_hash_table_insert(world->words, GINT_TO_POINTER(dependency), requirement);
}

/* An item that cannot be read (they were checked when they were taken in) is a name that nobody has. */
static Id item_id(World *world, const char *item)
{
    Requirement *requirement = requirement_parse(item, NULL);
    if (!requirement)
        return pool_str2id(world->pool, item, 1);
    Id dependency = 0;
    for (guint i = 0; i < requirement->terms->len; i++) {
        Id term = term_id(world, g_ptr_array_index(requirement->terms, i));
        dependency = dependency ? pool_rel2id(world->pool, dependency, term, REL_OR, 1) : term;
    }
    remember_words(world, dependency, requirement);
    return dependency;
}

static void add_items(World *world, Solvable *solvable, Id array, char *const *items)
{
    for (guint i = 0; items && items[i]; i++)
        solvable_add_deparray(solvable, array, item_id(world, items[i]), 0);
}

/* A provided name without a version answers to every version, as everywhere else in this product. The firmware is not an
 * app's to provide. */
static void add_provides(World *world, Solvable *solvable, char *const *items)
{
    solvable_add_deparray(solvable, SOLVABLE_PROVIDES,
                          pool_rel2id(world->pool, solvable->name, solvable->evr, REL_EQ, 1), 0);
    for (guint i = 0; items && items[i]; i++) {
        g_autoptr(Requirement) provided = requirement_parse(items[i], NULL);
        const RequireTerm *term = provided ? g_ptr_array_index(provided->terms, 0) : NULL;
        if (!term || strcmp(term->name, OS_REQUIREMENT) == 0)
            continue;
        Id id = term->op == REQUIRE_ANY ? pool_rel2id(world->pool, name_id(world, term->name), ID_EMPTY,
                                                      REL_LT | REL_EQ | REL_GT, 1)
                                        : term_id(world, term);
        solvable_add_deparray(solvable, SOLVABLE_PROVIDES, id, 0);
    }
}

/* Only its own publisher's apps may be replaced by a release. */
static void add_obsoletes(World *world, Solvable *solvable, const Release *release)
{
    for (guint i = 0; release->obsoletes && release->obsoletes[i]; i++) {
        g_autoptr(Requirement) obsoleted = requirement_parse(release->obsoletes[i], NULL);
        const RequireTerm *term = obsoleted ? g_ptr_array_index(obsoleted->terms, 0) : NULL;
        const InstalledApp *old = term ? installed_find(world->input->installed, term->name) : NULL;
        if (old && strcmp(old->name, release->name) != 0 &&
            g_strcmp0(old->publisher, release->publisher) == 0)
            solvable_add_deparray(solvable, SOLVABLE_OBSOLETES, term_id(world, term), 0);
    }
}

static void add_os_bounds(World *world, Solvable *solvable, const Release *release)
{
    g_autofree char *min = release->os_min ? g_strdup_printf(OS_REQUIREMENT " >= %s", release->os_min) : NULL;
    g_autofree char *max = release->os_max ? g_strdup_printf(OS_REQUIREMENT " <= %s", release->os_max) : NULL;
    char *bounds[] = {min ? min : max, min ? max : NULL, NULL};
    add_items(world, solvable, SOLVABLE_REQUIRES, bounds);
}

/* ---- solvables ---- */

static Solvable *add_solvable(World *world, Repo *repo, const char *name, const char *version, WorldItem item)
{
    Id id = repo_add_solvable(repo);
    Solvable *solvable = pool_id2solvable(world->pool, id);
    solvable->name = pool_str2id(world->pool, name, 1);
    solvable->evr = version_id(world, version);
    solvable->arch = ARCH_ALL;
    g_array_set_size(world->items, (guint)id + 1);
    g_array_index(world->items, WorldItem, id) = item;
    return solvable;
}

static void add_system(World *world, Repo *repo)
{
    Solvable *solvable =
        add_solvable(world, repo, OS_NAME, world->input->os_version, (WorldItem){NULL, NULL});
    add_provides(world, solvable, NULL);
    world->system = pool_solvable2id(world->pool, solvable);
}

static void add_installed(World *world, Repo *repo, const InstalledApp *app)
{
    Solvable *solvable = add_solvable(world, repo, app->name, app->version, (WorldItem){app, NULL});
    add_provides(world, solvable, app->provides);
    add_items(world, solvable, SOLVABLE_REQUIRES, app->requires);
    add_items(world, solvable, SOLVABLE_CONFLICTS, app->conflicts);
}

static void add_release(World *world, Repo *repo, const Release *release)
{
    Solvable *solvable =
        add_solvable(world, repo, release->name, release->version, (WorldItem){NULL, release});
    add_provides(world, solvable, release->provides);
    add_items(world, solvable, SOLVABLE_REQUIRES, release->requires);
    add_items(world, solvable, SOLVABLE_CONFLICTS, release->conflicts);
    add_os_bounds(world, solvable, release);
    add_obsoletes(world, solvable, release);
}

/* ---- what may be chosen ---- */

/* libsolv ignores a package's conflict with its own older version; QDK's way to forbid an upgrade is just that. */
static gboolean conflicts_with_itself(const Release *release, const InstalledApp *old)
{
    for (guint i = 0; release->conflicts && release->conflicts[i]; i++) {
        g_autoptr(Requirement) conflict = requirement_parse(release->conflicts[i], NULL);
        for (guint j = 0; conflict && j < conflict->terms->len; j++)
            if (require_term_matches(g_ptr_array_index(conflict->terms, j), old->name, old->version))
                return TRUE;
    }
    return FALSE;
}

/* A file that an admin installs by hand says by itself that its publisher is wanted. */
static gboolean is_file_of_request(const SolveInput *input, const Release *release)
{
    return input->request && input->request->file && !release->repository;
}

char *world_misfit(const SolveInput *input, const Release *release)
{
    const InstalledApp *old = installed_find(input->installed, release->name);
    if (!arch_fits(release->arch, input->box_arch))
        return g_strdup_printf("%s %s is built for %s, this NAS is %s", release->name, release->version,
                               release->arch, input->box_arch);
    if (old && g_strcmp0(old->publisher, release->publisher) != 0 && !is_file_of_request(input, release))
        return g_strdup_printf("%s %s comes from %s, the installed one from %s", release->name,
                               release->version, release->publisher ? release->publisher : "nobody",
                               old->publisher ? old->publisher : "nobody");
    if (old && conflicts_with_itself(release, old))
        return g_strdup_printf("%s %s cannot replace the installed %s", release->name, release->version,
                               old->version);
    return NULL;
}

static gboolean is_choice(const SolveInput *input, const Release *release)
{
    const InstalledApp *old = installed_find(input->installed, release->name);
    if (old && version_compare(release->version, old->version) <= 0)
        return FALSE;
    g_autofree char *misfit = world_misfit(input, release);
    return misfit == NULL;
}

static int arch_rank(const Release *release, const char *box_arch)
{
    if (strcmp(release->arch, box_arch) == 0)
        return 0;
    return strcmp(release->arch, "all") == 0 ? 2 : 1;
}

/* By name and version; of one version the build made for this box comes first. */
static int compare_choices(gconstpointer a, gconstpointer b, gpointer box_arch)
{
    const Release *release_a = *(Release *const *)a;
    const Release *release_b = *(Release *const *)b;
    int order = strcmp(release_a->name, release_b->name);
    if (order == 0)
        order = version_compare(release_a->version, release_b->version);
    if (order == 0)
        order = arch_rank(release_a, box_arch) - arch_rank(release_b, box_arch);
    if (order == 0)
        order = release_compare(release_a, release_b);
    return order != 0 ? order : g_strcmp0(release_a->repository, release_b->repository);
}

static GPtrArray *sorted_choices(const SolveInput *input, const GPtrArray *extra, gboolean with_available)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    for (guint i = 0; with_available && i < input->available->len; i++)
        if (is_choice(input, g_ptr_array_index(input->available, i)))
            g_ptr_array_add(all, g_ptr_array_index(input->available, i));
    for (guint i = 0; extra && i < extra->len; i++)
        g_ptr_array_add(all, g_ptr_array_index(extra, i));
    g_ptr_array_sort_with_data(all, compare_choices, (gpointer)input->box_arch);
    GPtrArray *distinct = g_ptr_array_new();
    for (guint i = 0; i < all->len; i++) {
        Release *release = g_ptr_array_index(all, i);
        if (distinct->len == 0 || !is_same_release(release, g_ptr_array_index(distinct, distinct->len - 1)))
            g_ptr_array_add(distinct, release);
    }
    return distinct;
}

static int compare_installed(gconstpointer a, gconstpointer b)
{
    return strcmp((*(InstalledApp *const *)a)->name, (*(InstalledApp *const *)b)->name);
}

static void fill(World *world, const GPtrArray *extra, gboolean with_available)
{
    Repo *here = repo_create(world->pool, "installed");
    Repo *there = repo_create(world->pool, "available");
    pool_set_installed(world->pool, here);
    add_system(world, here);
    g_autoptr(GPtrArray) installed = g_ptr_array_new();
    for (guint i = 0; i < world->input->installed->len; i++)
        g_ptr_array_add(installed, g_ptr_array_index(world->input->installed, i));
    g_ptr_array_sort(installed, compare_installed);
    for (guint i = 0; i < installed->len; i++)
        add_installed(world, here, g_ptr_array_index(installed, i));
    g_autoptr(GPtrArray) choices = sorted_choices(world->input, extra, with_available);
    for (guint i = 0; i < choices->len; i++)
        add_release(world, there, g_ptr_array_index(choices, i));
    pool_createwhatprovides(world->pool);
}

World *world_new(const SolveInput *input, const GPtrArray *extra, gboolean with_available)
{
    World *world = g_new0(World, 1);
    world->input = input;
    world->pool = pool_create();
    pool_setdisttype(world->pool, DISTTYPE_DEB);
    world->items = g_array_new(FALSE, TRUE, sizeof(WorldItem));
    world->words = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)requirement_free);
    fill(world, extra, with_available);
    return world;
}

void world_free(World *world)
{
    if (!world)
        return;
    pool_free(world->pool);
    g_array_unref(world->items);
    g_hash_table_unref(world->words);
    g_free(world);
}
