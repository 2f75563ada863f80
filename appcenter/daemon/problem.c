/* problem.c - problem documents; the consequences of a kind stand in base/error.c. */
#include "daemon/problem.h"

const char *problem_title(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Internal Server Error";
}

json_t *problem_document(const GError *error, int http_status, int *status)
{
    AppcenterError kind = error_kind(error);
    g_autofree char *detail = g_utf8_make_valid(error->message, -1); /* it may quote what a client sent */
    *status = http_status ? http_status : error_http_status(kind);
    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:i}", "type", "about:blank", "title", problem_title(*status),
                     "status", *status, "detail", detail, "code", error_code_name(kind), "exit",
                     error_exit_code(kind));
}
