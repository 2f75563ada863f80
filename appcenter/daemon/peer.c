/* peer.c - peer credentials of a Unix socket; see peer.h. */
#include "daemon/peer.h"

#include <errno.h>
#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEER_GROUP_NAME "appcenter"
#define PEER_MAX_GROUPS 65536

const char *peer_level_name(PeerLevel level)
{
    static const char *const names[] = {"any", "group", "root"};
    return names[level];
}

PeerLevel peer_level(uid_t uid, const gid_t *groups, gsize n_groups, gid_t appcenter_gid,
                     gboolean is_private_root, uid_t own_uid)
{
    if (uid == 0 || (is_private_root && uid == own_uid))
        return PEER_ROOT;
    for (gsize i = 0; i < n_groups && appcenter_gid != (gid_t)-1; i++)
        if (groups[i] == appcenter_gid)
            return PEER_GROUP;
    return PEER_ANY;
}

/* Supplementary groups of the peer with its primary one in front; array of gid_t. */
static GArray *peer_groups(int fd, gid_t primary)
{
    GArray *groups = g_array_new(FALSE, FALSE, sizeof(gid_t));
    g_array_append_val(groups, primary);
    socklen_t len = 32 * sizeof(gid_t);
    for (int attempt = 0; attempt < 2 && len <= PEER_MAX_GROUPS * sizeof(gid_t); attempt++) {
        g_autofree gid_t *list = g_malloc(len);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &len) == 0) {
            g_array_append_vals(groups, list, len / sizeof(gid_t));
            break;
        }
        if (errno != ERANGE) /* len now holds what it takes */
            break;
    }
    return groups;
}

Peer peer_of_socket(int fd, gboolean is_private_root)
{
    struct ucred credentials;
    socklen_t len = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0)
        return (Peer){PEER_ANY, (uid_t)-1};
    const struct group *group = getgrnam(PEER_GROUP_NAME);
    g_autoptr(GArray) groups = peer_groups(fd, credentials.gid);
    PeerLevel level = peer_level(credentials.uid, (const gid_t *)(void *)groups->data, groups->len,
                                 group ? group->gr_gid : (gid_t)-1, is_private_root, geteuid());
    return (Peer){level, credentials.uid};
}
