// TLS connections whose bytes are looked at once they are decrypted, and before gRPC parses them:
// what watched_sockets.h is to those in plaintext.
//
// gRPC decrypts with OpenSSL's SSL_read, so this program's SSL_read takes the place of OpenSSL's:
// it does what that does, and for the server's side of a connection looks at what has come. A
// connection that is cut off reads as damaged. SSL_do_handshake, likewise, counts those that fail,
// which gRPC keeps to itself.

#ifndef SERVER_OPS_WATCHED_TLS_H_
#define SERVER_OPS_WATCHED_TLS_H_

#include <openssl/types.h>

#include <cstdint>

#include "server/ops/frame_filter.h"

namespace descent::ops {

// From now on, with these limits for connections that begin.
void WatchTls(const FrameLimits& limits);

// Leaves a connection alone that is not gRPC's. To be called before it reads. False if there is no
// memory for that.
bool LeaveUnwatched(SSL* connection);

// The handshakes of gRPC's servers that have failed so far, by what the server refused or a client
// said that it does. Not those that a client did not go on with, as gRPC's does with a server that
// it does not believe.
std::int64_t FailedHandshakes();

}  // namespace descent::ops

#endif  // SERVER_OPS_WATCHED_TLS_H_
