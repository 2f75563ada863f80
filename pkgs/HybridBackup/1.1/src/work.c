/* work.c - HybridBackup's work: makes the folder jobs/, which is the user's, and counts the backup jobs in it.
 * 1.1 tells jobs that are switched off (NAME.off) from the others. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tinyd.h"

#define JOBS_FOLDER "jobs"

static bool is_off(const char *name)
{
    const char *suffix = strrchr(name, '.');
    return suffix && strcmp(suffix, ".off") == 0;
}

bool app_work(char *saying, size_t size)
{
    unsigned n_on = 0, n_off = 0;
    const struct dirent *entry;
    DIR *jobs = mkdir(JOBS_FOLDER, 0755) == 0 || errno == EEXIST ? opendir(JOBS_FOLDER) : NULL;
    if (!jobs) {
        snprintf(saying, size, "the folder " JOBS_FOLDER ": %s", strerror(errno));
        return false;
    }
    while ((entry = readdir(jobs))) {
        if (entry->d_name[0] == '.')
            continue;
        n_off += is_off(entry->d_name);
        n_on += !is_off(entry->d_name);
    }
    closedir(jobs);
    snprintf(saying, size, "backup jobs: %u, switched off: %u", n_on, n_off);
    return true;
}
