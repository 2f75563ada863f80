/* page.c - the album as an HTML page; see gallery.h. Whatever comes from outside is escaped here. */
#include "gallery.h"

#include <ctype.h>
#include <string.h>

static const char page_head[] =
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\n"
    "<style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 "
    "1rem;color:#223}\n"
    "ul{list-style:none;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:"
    "1rem}\n"
    "img{width:100%;height:8rem;object-fit:cover;border-radius:.4rem;background:#eef}\n"
    "li{overflow-wrap:anywhere}small{color:#667}</style>\n";

static void write_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'    ? "&amp;"
                             : *text == '<'  ? "&lt;"
                             : *text == '>'  ? "&gt;"
                             : *text == '"'  ? "&quot;"
                             : *text == '\'' ? "&#39;"
                                             : NULL;
        if (entity)
            fputs(entity, out);
        else
            fputc(*text, out);
    }
}

static void write_percent_encoded(FILE *out, const char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x80 && (isalnum(byte) || strchr("-._~", byte)))
            fputc(byte, out);
        else
            fprintf(out, "%%%02X", byte);
    }
}

static void write_photo(FILE *out, const char *name, const Measure *measure)
{
    fputs("<li><a href=\"/photo?name=", out);
    write_percent_encoded(out, name);
    fputs("\"><img loading=lazy alt=\"\" src=\"/photo?name=", out);
    write_percent_encoded(out, name);
    fputs("\"></a><br>", out);
    write_escaped(out, name);
    if (*measure->type)
        fprintf(out, "<br><small>%s, %u &times; %u</small>", measure->type, measure->width, measure->height);
    fputs("</li>\n", out);
}

void page_write(FILE *out, const char *title, const PhotoList *list, const Measure *measures, bool is_sample)
{
    size_t n_shown = list->n_names < PAGE_PHOTOS_MAX ? list->n_names : PAGE_PHOTOS_MAX;
    fputs(page_head, out);
    fputs("<title>", out);
    write_escaped(out, title);
    fputs("</title><h1>", out);
    write_escaped(out, title);
    fputs("</h1>\n<p>", out);
    if (is_sample)
        fputs("Your album is empty. These are samples; yours take their place.", out);
    else
        fprintf(out, "%zu photo%s", list->n_names, list->n_names == 1 ? "" : "s");
    fputs("</p>\n<ul>\n", out);
    for (size_t i = 0; i < n_shown; i++)
        write_photo(out, list->names[i], &measures[i]);
    fputs("</ul>\n", out);
    if (n_shown < list->n_names)
        fprintf(out, "<p>and %zu more</p>\n", list->n_names - n_shown);
    fprintf(out, "<hr><small>Photo Station %s</small></html>\n", APP_VERSION);
}
