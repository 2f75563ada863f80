/* main.c - mediainfo: type and dimensions of pictures, in the order of its arguments.
 *
 * Lines `TYPE WIDTHxHEIGHT FILE` as before, or with --json (API 2) one object a line, its members in a fixed order:
 * type, width, height, file; for what is no picture type is null, and `error` stands in place of the measures. The
 * reason also goes to stderr, and the exit status is 1.
 */
#include <stdio.h>
#include <string.h>

#include "picture.h"

/* A name may hold a line end: it must not make two lines. */
static void print_name(const char *name)
{
    for (; *name; name++)
        putchar((unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name);
    putchar('\n');
}

static void print_json_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_json(const char *path, const Picture *picture, const char *why)
{
    if (picture) {
        printf("{\"type\":\"%s\",\"width\":%u,\"height\":%u,\"file\":", picture->type, picture->width,
               picture->height);
    } else {
        printf("{\"type\":null,\"error\":");
        print_json_string(why);
        printf(",\"file\":");
    }
    print_json_string(path);
    printf("}\n");
}

static void print_text(const char *path, const Picture *picture)
{
    if (picture)
        printf("%s %ux%u ", picture->type, picture->width, picture->height);
    else
        printf("- - ");
    print_name(path);
}

static bool print_picture(const char *path, bool wants_json)
{
    Picture picture;
    const char *why;
    bool is_known = picture_read(path, &picture, &why);
    if (!is_known)
        fprintf(stderr, "mediainfo: %s: %s\n", path, why);
    if (wants_json)
        print_json(path, is_known ? &picture : NULL, why);
    else
        print_text(path, is_known ? &picture : NULL);
    return is_known;
}

int main(int argc, char **argv)
{
    bool is_good = true;
    bool wants_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    int first = wants_json ? 2 : 1;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("mediainfo %s\n", APP_VERSION);
        return 0;
    }
    if (argc <= first) {
        fprintf(stderr, "usage: mediainfo --version | [--json] FILE...\n");
        return 2;
    }
    for (int i = first; i < argc; i++)
        is_good = print_picture(argv[i], wants_json) && is_good;
    return is_good ? 0 : 1;
}
