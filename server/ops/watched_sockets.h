// Sockets whose incoming bytes are looked at before gRPC parses them, and on which clients are
// asked to go.
//
// gRPC reads a connection with recvmsg, writes it with sendmsg and has no place for a filter, so
// this program's recvmsg, sendmsg and shutdown take the place of the system's: they do what those
// do, and for a watched socket look at what has come and what is sent. A connection that is cut off
// reads as reset by its peer.

#ifndef SERVER_OPS_WATCHED_SOCKETS_H_
#define SERVER_OPS_WATCHED_SOCKETS_H_

#include <cstdint>

#include "server/ops/watch.h"

namespace descent::ops {

// Sockets with this number or a higher one can't be watched.
inline constexpr int kMaxWatchedSocket = 1 << 16;

// Watches a socket that nobody reads yet, until it is shut down or has ended. Requires
// 0 <= socket < kMaxWatchedSocket.
void WatchSocket(int socket, const Watch& watch);

// Leaves a socket alone that is not gRPC's, whatever had its number before.
void LeaveUnwatched(int socket);

// How many calls have begun on a socket that was watched last under this number.
std::uint32_t CallsOnSocket(int socket);

}  // namespace descent::ops

#endif  // SERVER_OPS_WATCHED_SOCKETS_H_
