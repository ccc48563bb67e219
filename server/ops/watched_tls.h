// TLS connections whose bytes are looked at once they are decrypted, and before gRPC parses them,
// and on which clients are asked to go: what watched_sockets.h is to those in plaintext.
//
// gRPC decrypts with OpenSSL's SSL_read and encrypts with its SSL_write, so this program's take the
// place of OpenSSL's: they do what those do, and for the server's side of a connection look at what
// has come and what is sent. A connection that is cut off reads as damaged. SSL_do_handshake,
// likewise, counts those that fail, which gRPC keeps to itself.

#ifndef SERVER_OPS_WATCHED_TLS_H_
#define SERVER_OPS_WATCHED_TLS_H_

#include <openssl/types.h>

#include <cstdint>

#include "server/ops/watch.h"

namespace descent::ops {

// From now on, connections that begin are watched so.
void WatchTls(const Watch& watch);

// Leaves a connection alone that is not gRPC's. To be called before it reads. False if there is no
// memory for that.
bool LeaveUnwatched(SSL* connection);

// The handshakes of gRPC's servers that have failed so far, by what the server refused or a client
// said that it does. Not those that a client did not go on with, as gRPC's does with a server that
// it does not believe.
std::int64_t FailedHandshakes();

}  // namespace descent::ops

#endif  // SERVER_OPS_WATCHED_TLS_H_
