/* unpack.c - the product's unpacking alone, for the benchmark and the attack corpus: no store, no hooks, no trust.
 *
 * bench-unpack FILE DIR MAX_BYTES MAX_FILES MAX_RATIO LINKS_MAY_LEAVE: opens the package, unpacks it into the empty folder
 * DIR through the sandboxed helper, and takes the manifest with its hashes from the disk, as the step UNPACK does. Prints
 * files, bytes and the processor time of all of it as JSON; ends with the product's exit code and sentence.
 */
#include "ports/archive.h"
#include "ports/volume.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static double cpu_s(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static gboolean unpack(const char *file, const char *dir, const UnpackLimits *limits, guint *n_files,
                       GError **error)
{
    const char *const no_configs[] = {NULL};
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    g_auto(Fd) dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || dir_fd < 0)
        return error_set_errno(error, "open %s and %s", file, dir);
    g_autoptr(Package) package = package_open(fd, NULL, error);
    if (!package || !archive_unpack(package, dir_fd, limits, NULL, NULL, error))
        return FALSE;
    g_autoptr(Manifest) manifest = volume_scan(dir_fd, no_configs, error);
    if (manifest)
        *n_files = (guint)manifest_length(manifest);
    return manifest != NULL;
}

int main(int argc, char **argv)
{
    guint n_files = 0;
    g_autoptr(GError) error = NULL;
    if (argc != 7) {
        fputs("wanted FILE DIR MAX_BYTES MAX_FILES MAX_RATIO LINKS_MAY_LEAVE\n", stderr);
        return 2;
    }
    const UnpackLimits limits = {.max_bytes = g_ascii_strtoll(argv[3], NULL, 10),
                                 .max_files = g_ascii_strtoll(argv[4], NULL, 10),
                                 .max_ratio = g_ascii_strtoll(argv[5], NULL, 10),
                                 .links_may_leave = argv[6][0] == '1'};
    if (!unpack(argv[1], argv[2], &limits, &n_files, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return error_exit_code(error_kind(error));
    }
    printf("{\"files\":%u,\"cpu_s\":%.3f}\n", n_files, cpu_s(RUSAGE_SELF) + cpu_s(RUSAGE_CHILDREN));
    return 0;
}
