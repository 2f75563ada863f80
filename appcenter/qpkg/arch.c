/* arch.c - the architectures that QDK builds for and the check that its header makes of each.
 *
 * An archive's architecture is nowhere but in that check (qpkg-format.md 1.1): two shell patterns, compared here as
 * texts and never run.
 */
#include "qpkg/internal.h"

#include <string.h>

static const QpkgArchCheck checks[] = {
    {"arm-x09", "armv5tejl", ""},
    {"arm-x19", "armv5tel", ""},
    {"arm-x31", "armv7l", "ARM_AL"},
    {"arm-x41", "armv7l", "ARM_MS"},
    {"arm_64", "aarch64", ""},
    {"x86", "i.86\\|x86_64", "X86_EVANSPORT"},
    {"x86_ce53xx", "i686", "X86_LAKEPORT\\|X86_ATOM"},
    {"x86_64", "x86_64", ""},
};

const QpkgArchCheck *qpkg_arch_check(const char *arch)
{
    for (gsize i = 0; i < G_N_ELEMENTS(checks); i++) {
        if (strcmp(checks[i].arch, arch) == 0)
            return &checks[i];
    }
    return NULL;
}

const char *qpkg_arch_of_check(const char *machine, const char *rejected_platform)
{
    for (gsize i = 0; i < G_N_ELEMENTS(checks); i++) {
        if (strcmp(checks[i].machine, machine) == 0 &&
            strcmp(checks[i].rejected_platform, rejected_platform) == 0)
            return checks[i].arch;
    }
    return NULL;
}
