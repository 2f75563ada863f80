/* main.c - mediainfo: prints a line `TYPE WIDTHxHEIGHT FILE` for each picture, in the order of its arguments.
 *
 * `- - FILE` stands for what is no picture; the reason goes to stderr and the exit status is 1.
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

static bool print_picture(const char *path)
{
    Picture picture;
    const char *why;
    bool is_known = picture_read(path, &picture, &why);
    if (is_known) {
        printf("%s %ux%u ", picture.type, picture.width, picture.height);
    } else {
        fprintf(stderr, "mediainfo: %s: %s\n", path, why);
        printf("- - ");
    }
    print_name(path);
    return is_known;
}

int main(int argc, char **argv)
{
    bool is_good = true;
    if (argc < 2) {
        fprintf(stderr, "usage: mediainfo --version | FILE...\n");
        return 2;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("mediainfo %s\n", APP_VERSION);
        return 0;
    }
    for (int i = 1; i < argc; i++)
        is_good = print_picture(argv[i]) && is_good;
    return is_good ? 0 : 1;
}
