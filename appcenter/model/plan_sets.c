/* plan_sets.c - cuts a flat list of changes into fate groups, so that a bad app undoes only its kin.
 *
 * Two changed apps are kin when one of them names the other: in what its new release or its installed version
 * requires, conflicts with, provides for or obsoletes. The old version's words count too, because during the
 * switch it is they that a half-done group would break. Hides the walk over that graph; the result depends on
 * names only, not on the order of the list.
 */
#include "model/plan.h"

#include <string.h>

#include "model/requirement.h"

typedef struct {
    PlanChange *change;
    GPtrArray *needs; /* borrowed Node*: changed apps that this one requires */
    GPtrArray *kin;   /* borrowed Node*: ties in both directions, needs included */
    gboolean is_grouped;
    gboolean is_placed;
} Node;

typedef struct {
    GHashTable *by_name; /* app or provided name -> GPtrArray of Node* */
    GPtrArray *nodes;    /* Node*, by app name */
} Graph;

static void node_free(Node *node)
{
    g_ptr_array_unref(node->needs);
    g_ptr_array_unref(node->kin);
    g_free(node);
}

static void name_node(Graph *graph, const char *name, Node *node)
{
    GPtrArray *bearers = g_hash_table_lookup(graph->by_name, name);
    if (!bearers) {
        bearers = g_ptr_array_new();
        g_hash_table_insert(graph->by_name, g_strdup(name), bearers);
    }
    g_ptr_array_add(bearers, node);
}

static void tie(Node *from, Node *to, gboolean is_need)
{
    if (from == to)
        return;
    g_ptr_array_add(from->kin, to);
    g_ptr_array_add(to->kin, from);
    if (is_need)
        g_ptr_array_add(from->needs, to);
}

/* Ties node to every changed app that the items name. Items were checked when they were read; one that cannot
 * be read now names nobody. */
static void tie_items(const Graph *graph, Node *node, char *const *items, gboolean is_need)
{
    for (guint i = 0; items && items[i]; i++) {
        g_autoptr(Requirement) requirement = requirement_parse(items[i], NULL);
        for (guint j = 0; requirement && j < requirement->terms->len; j++) {
            const RequireTerm *term = g_ptr_array_index(requirement->terms, j);
            GPtrArray *bearers = g_hash_table_lookup(graph->by_name, term->name);
            for (guint k = 0; bearers && k < bearers->len; k++)
                tie(node, g_ptr_array_index(bearers, k), is_need);
        }
    }
}

static void name_provided(Graph *graph, Node *node)
{
    const Release *release = node->change->release;
    for (guint i = 0; release && release->provides[i]; i++) {
        g_autoptr(Requirement) provided = requirement_parse(release->provides[i], NULL);
        for (guint j = 0; provided && j < provided->terms->len; j++)
            name_node(graph, ((RequireTerm *)g_ptr_array_index(provided->terms, j))->name, node);
    }
}

static void tie_node(const Graph *graph, Node *node, GPtrArray *installed)
{
    const Release *release = node->change->release;
    const InstalledApp *old = installed_find(installed, node->change->app);
    if (release) {
        tie_items(graph, node, release->requires, TRUE);
        tie_items(graph, node, release->conflicts, FALSE);
        tie_items(graph, node, release->obsoletes, FALSE);
    }
    tie_items(graph, node, node->change->kept_requires, TRUE);
    tie_items(graph, node, node->change->kept_conflicts, FALSE);
    if (old) {
        /* a removal, too, goes by the order in which its app was installed */
        tie_items(graph, node, old->requires, release == NULL);
        tie_items(graph, node, old->conflicts, FALSE);
    }
}

static int compare_nodes(gconstpointer a, gconstpointer b)
{
    return strcmp((*(Node *const *)a)->change->app, (*(Node *const *)b)->change->app);
}

static Graph graph_build(GPtrArray *changes, GPtrArray *installed)
{
    Graph graph = {
        .by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref),
        .nodes = g_ptr_array_new_with_free_func((GDestroyNotify)node_free)};
    for (guint i = 0; i < changes->len; i++) {
        Node *node = g_new0(Node, 1);
        node->change = g_ptr_array_index(changes, i);
        node->needs = g_ptr_array_new();
        node->kin = g_ptr_array_new();
        g_ptr_array_add(graph.nodes, node);
    }
    g_ptr_array_sort(graph.nodes, compare_nodes);
    for (guint i = 0; i < graph.nodes->len; i++) {
        Node *node = g_ptr_array_index(graph.nodes, i);
        name_node(&graph, node->change->app, node);
        name_provided(&graph, node);
    }
    for (guint i = 0; i < graph.nodes->len; i++)
        tie_node(&graph, g_ptr_array_index(graph.nodes, i), installed);
    return graph;
}

/* All kin of start, start included, by name; breadth first, so that a long chain costs no stack. */
static GPtrArray *collect_group(Node *start)
{
    GPtrArray *group = g_ptr_array_new();
    g_ptr_array_add(group, start);
    start->is_grouped = TRUE;
    for (guint i = 0; i < group->len; i++) {
        const Node *node = g_ptr_array_index(group, i);
        for (guint j = 0; j < node->kin->len; j++) {
            Node *kin = g_ptr_array_index(node->kin, j);
            if (!kin->is_grouped) {
                kin->is_grouped = TRUE;
                g_ptr_array_add(group, kin);
            }
        }
    }
    g_ptr_array_sort(group, compare_nodes);
    return group;
}

static gboolean is_ready(const Node *node)
{
    for (guint i = 0; i < node->needs->len; i++)
        if (!((Node *)g_ptr_array_index(node->needs, i))->is_placed)
            return FALSE;
    return TRUE;
}

/* The next to place: the first by name whose needs are all placed; in a circle the first that is left. */
static Node *next_to_place(GPtrArray *group)
{
    Node *first_left = NULL;
    for (guint i = 0; i < group->len; i++) {
        Node *node = g_ptr_array_index(group, i);
        if (node->is_placed)
            continue;
        if (is_ready(node))
            return node;
        if (!first_left)
            first_left = node;
    }
    return first_left;
}

static void place_group(PlanSet *set, GPtrArray *group)
{
    for (Node *node = next_to_place(group); node; node = next_to_place(group)) {
        node->is_placed = TRUE;
        g_ptr_array_add(set->changes, node->change);
    }
}

/* Security before the rest, the more urgent first. */
static int set_rank(const PlanSet *set)
{
    UrgencyClass highest = CLASS_FEATURE;
    for (guint i = 0; i < set->changes->len; i++)
        highest = MAX(highest, ((PlanChange *)g_ptr_array_index(set->changes, i))->cls);
    return urgency_class_is_security(highest) ? (int)highest : 0;
}

static const char *set_name(const PlanSet *set)
{
    const char *name = NULL;
    for (guint i = 0; i < set->changes->len; i++) {
        const char *app = ((PlanChange *)g_ptr_array_index(set->changes, i))->app;
        if (!name || strcmp(app, name) < 0)
            name = app;
    }
    return name ? name : "";
}

static int compare_sets(gconstpointer a, gconstpointer b)
{
    const PlanSet *set_a = *(PlanSet *const *)a;
    const PlanSet *set_b = *(PlanSet *const *)b;
    int order = set_rank(set_b) - set_rank(set_a);
    return order != 0 ? order : strcmp(set_name(set_a), set_name(set_b));
}

void plan_split_into_sets(Plan *plan, GPtrArray *changes, GPtrArray *installed)
{
    Graph graph = graph_build(changes, installed);
    for (guint i = 0; i < graph.nodes->len; i++) {
        Node *node = g_ptr_array_index(graph.nodes, i);
        if (node->is_grouped)
            continue;
        g_autoptr(GPtrArray) group = collect_group(node);
        place_group(plan_add_set(plan), group);
    }
    g_ptr_array_sort(plan->sets, compare_sets);
    g_ptr_array_unref(graph.nodes);
    g_hash_table_unref(graph.by_name);
    g_free(g_ptr_array_steal(changes, NULL)); /* the sets own them now; the array stays the caller's, empty */
}
