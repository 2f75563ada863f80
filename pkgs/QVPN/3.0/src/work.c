/* work.c - QVPN's work: counts the tunnels that are up, by the names of the network interfaces. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "tinyd.h"

bool app_work(char *saying, size_t size)
{
    unsigned n_tunnels = 0;
    struct if_nameindex *interfaces = if_nameindex();
    if (!interfaces) {
        snprintf(saying, size, "list network interfaces: %s", strerror(errno));
        return false;
    }
    for (size_t i = 0; interfaces[i].if_index != 0; i++)
        n_tunnels += strncmp(interfaces[i].if_name, "tun", 3) == 0;
    if_freenameindex(interfaces);
    snprintf(saying, size, "OpenVPN tunnels: %u", n_tunnels);
    return true;
}
