/* peer.h - who is on the other end of the socket, by the kernel's word alone.
 *
 * SO_PEERCRED gives uid and primary group, SO_PEERGROUPS the supplementary ones. Asked once, when the
 * connection starts; nothing that the client says about itself counts (snapd's CVE-2019-7304).
 */
#ifndef DAEMON_PEER_H
#define DAEMON_PEER_H

#include <glib.h>
#include <sys/types.h>

typedef enum { PEER_ANY, PEER_GROUP, PEER_ROOT } PeerLevel;
const char *peer_level_name(PeerLevel level); /* "any", "group", "root" */

typedef struct {
    PeerLevel level;
    uid_t uid;
} Peer;

/* Level of a peer: uid 0 is root; under a private root the daemon's own uid is, too; members of the group
 * `appcenter` (gid, or (gid_t)-1 when there is none) are group. Pure. */
PeerLevel peer_level(uid_t uid, const gid_t *groups, gsize n_groups, gid_t appcenter_gid,
                     gboolean is_private_root, uid_t own_uid);

/* Asks the kernel about a connected Unix socket. On failure the peer is nobody of level any. */
Peer peer_of_socket(int fd, gboolean is_private_root);

#endif
