/* work.c - HybridBackup's work: makes the folder jobs/, which is the user's, and counts the backup jobs in it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tinyd.h"

#define JOBS_FOLDER "jobs"

bool app_work(char *saying, size_t size)
{
    unsigned n_jobs = 0;
    const struct dirent *entry;
    DIR *jobs = mkdir(JOBS_FOLDER, 0755) == 0 || errno == EEXIST ? opendir(JOBS_FOLDER) : NULL;
    if (!jobs) {
        snprintf(saying, size, "the folder " JOBS_FOLDER ": %s", strerror(errno));
        return false;
    }
    while ((entry = readdir(jobs)))
        n_jobs += entry->d_name[0] != '.';
    closedir(jobs);
    snprintf(saying, size, "backup jobs: %u", n_jobs);
    return true;
}
