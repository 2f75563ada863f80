/* gallery.h - the photo gallery's parts: album, pictures' measures, page.
 *
 * What is the same in all versions lies beside this header; photos.c and library.c belong to each version.
 */
#ifndef GALLERY_H
#define GALLERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "http.h"

#define ALBUM_FOLDER    "album"  /* the user's photos; no package owns them */
#define SAMPLE_FOLDER   "sample" /* what the page shows while there are none */
#define PAGE_PHOTOS_MAX 500

typedef struct {
    char type[8]; /* "" when it is not known */
    unsigned width, height;
} Measure;

typedef struct {
    char **names; /* sorted */
    size_t n_names;
} PhotoList;

/* album.c. Makes the album if there is none, and drops what an interrupted upload left. Says why not. */
bool album_prepare(void);
/* Regular files of a folder, hidden ones left out. False after saying why not. */
bool album_list(const char *folder, PhotoList *list);
void album_list_clear(PhotoList *list);
/* Stores the body under a plain name: whole and on the disk, or not at all. The status to answer; *why says it. */
int album_store(const char *name, HttpRequest *request, const char **why);

/* photos.c, of each version: what a name from outside may name. */
/* Descriptor, or -STATUS with *why. */
int photos_open(const char *folder, const char *name, size_t length, const char **why);
/* The name that an upload is stored under; NULL with *why. Borrowed from `name`. */
const char *photos_upload_name(const char *name, size_t length, const char **why);

/* library.c, of each version: what it needs of MediaLibrary, and how it asks. */
/* Its version, if it will do; else false after saying what was wanted. */
bool library_check(char *version, size_t size);
/* measures[i] of names[i]; those that cannot be told stay empty. */
void library_measure(const char *folder, char *const *names, size_t n_names, Measure *measures);

/* mediainfo.c. What MediaLibrary's mediainfo prints about the files; NULL when it cannot be asked. Free with free. */
char *mediainfo_run(const char *option, const char *folder, char *const *names, size_t n_names);

/* page.c */
void page_write(FILE *out, const char *title, const PhotoList *list, const Measure *measures, bool is_sample);

#endif
