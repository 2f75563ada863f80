/* picture.h - type and dimensions of a picture, read from the first bytes of its file. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *type; /* "PNG", "GIF" or "JPEG" */
    uint32_t width, height;
} Picture;

/* False with *why: it cannot be read, or is none of the three. */
bool picture_read(const char *path, Picture *picture, const char **why);

#endif
