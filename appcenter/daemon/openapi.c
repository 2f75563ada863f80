/* openapi.c - OpenAPI out of the route table, so that it cannot say anything else; see openapi.h. Bodies are described by
 * their schema's name only: docs/api.md has their members.
 */
#include "daemon/openapi.h"

#include <string.h>

#include "daemon/api.h"

/* --- parameters --- */

static json_t *parameter(const char *name, const char *in, gboolean is_required)
{
    return json_pack("{s:s, s:s, s:b, s:{s:s}}", "name", name, "in", in, "required", is_required, "schema",
                     "type", "string");
}

static json_t *parameters_of(const ApiRoute *route)
{
    json_t *list = json_array();
    const char *open = strchr(route->pattern, '{');
    if (open) {
        g_autofree char *name = g_strndup(open + 1, strcspn(open + 1, "}"));
        json_array_append_new(list, parameter(name, "path", TRUE));
    }
    g_auto(GStrv) names = g_strsplit(route->query ? route->query : "", ",", -1);
    for (char **name = names; *name; name++)
        json_array_append_new(list, parameter(*name, "query", FALSE));
    if (route->body == API_BODY_STREAM)
        json_array_append_new(list, parameter("Last-Event-ID", "header", FALSE));
    if (g_strcmp0(route->answer, "job") == 0)
        json_array_append_new(list, parameter("Idempotency-Key", "header", FALSE));
    return list;
}

/* --- bodies and answers --- */

static json_t *content(const char *type, json_t *schema)
{
    return json_pack("{s:{s:{s:o}}}", "content", type, "schema", schema);
}

static json_t *request_body(const ApiRoute *route)
{
    json_t *body = route->body == API_BODY_FILE
                       ? content("application/octet-stream", json_object())
                       : content("application/json", json_pack("{s:s}", "type", "object"));
    json_object_set_new(body, "required", json_true());
    return body;
}

/* {"type":"object","properties":{MEMBER: {...}},"required":[MEMBER]} */
static json_t *object_with(const char *member, json_t *schema)
{
    return json_pack("{s:s, s:{s:o}, s:[s]}", "type", "object", "properties", member, schema, "required",
                     member);
}

static json_t *answer_of(const ApiRoute *route)
{
    const char *answer = route->answer;
    json_t *good = NULL;
    if (!answer)
        good = json_object();
    else if (g_str_equal(answer, "stream"))
        good = content("text/event-stream", json_pack("{s:s}", "type", "string"));
    else if (g_str_equal(answer, "text"))
        good = content("text/plain", json_pack("{s:s}", "type", "string"));
    else if (g_str_equal(answer, "job"))
        good = content("application/json", object_with("job", json_pack("{s:s}", "type", "integer")));
    else if (g_str_equal(answer, "file"))
        good = content("application/json", object_with("file", json_pack("{s:s}", "type", "string")));
    else if (g_str_equal(answer, "object"))
        good = content("application/json", json_pack("{s:s}", "type", "object"));
    else
        good = content("application/json", object_with("schema", json_pack("{s:s}", "const", answer)));
    json_object_set_new(good, "description", json_string(answer ? "what was asked for" : "done"));
    return good;
}

/* --- the document --- */

/* "GET /v1/apps/{name}/why" -> "get_v1_apps_name_why" */
static char *operation_id(const ApiRoute *route)
{
    g_autoptr(GString) id = g_string_new(NULL);
    g_autofree char *method = g_ascii_strdown(route->method, -1);
    g_string_append(id, method);
    for (const char *c = route->pattern; *c; c++)
        if (g_ascii_isalnum(*c))
            g_string_append_c(id, *c);
        else if (*c != '}' && id->str[id->len - 1] != '_')
            g_string_append_c(id, '_');
    return g_string_free(g_steal_pointer(&id), FALSE);
}

static json_t *operation(const ApiRoute *route)
{
    g_autofree char *id = operation_id(route);
    g_autofree char *status = g_strdup_printf("%d", route->status);
    json_t *value =
        json_pack("{s:s, s:s, s:s, s:o, s:{s:o, s:{s:s}}}", "operationId", id, "summary", route->summary,
                  "x-appcenter-level", peer_level_name(route->level), "parameters", parameters_of(route),
                  "responses", status, answer_of(route), "default", "$ref", "#/components/responses/problem");
    if (route->body == API_BODY_JSON || route->body == API_BODY_FILE)
        json_object_set_new(value, "requestBody", request_body(route));
    return value;
}

static json_t *paths(void)
{
    json_t *all = json_object();
    for (gsize i = 0; i < api_n_routes; i++) {
        const ApiRoute *route = &api_routes[i];
        g_autofree char *method = g_ascii_strdown(route->method, -1);
        json_t *path = json_object_get(all, route->pattern);
        if (!path) {
            path = json_object();
            json_object_set_new(all, route->pattern, path);
        }
        json_object_set_new(path, method, operation(route));
    }
    return all;
}

/* RFC 9457 with our members. */
static json_t *problem(void)
{
    json_t *schema =
        json_pack("{s:s, s:{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}, s:[s, s, s]}", "type",
                  "object", "properties", "type", "type", "string", "title", "type", "string", "status",
                  "type", "integer", "detail", "type", "string", "code", "type", "string", "exit", "type",
                  "integer", "required", "status", "code", "detail");
    json_t *response = content("application/problem+json", schema);
    json_object_set_new(response, "description",
                        json_string("why not: code is stable, detail is for people"));
    return response;
}

json_t *openapi_document(void)
{
    return json_pack(
        "{s:s, s:{s:s, s:s, s:s}, s:[{s:s, s:s}], s:o, s:{s:{s:o}}}", "openapi", "3.1.0", "info", "title",
        "App Center", "version", APPCENTER_VERSION, "description",
        "HTTP on the Unix socket /run/appcenter/appcenterd.sock; x-appcenter-level says who may.", "servers",
        "url", "http://localhost", "description", "the Unix socket; any host name will do", "paths", paths(),
        "components", "responses", "problem", problem());
}
