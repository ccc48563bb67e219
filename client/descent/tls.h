// Credentials of a client over TLS.

#ifndef CLIENT_DESCENT_TLS_H_
#define CLIENT_DESCENT_TLS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace grpc {
class ChannelCredentials;
}  // namespace grpc

namespace descent::client {

// Paths of files in PEM.
struct TlsOptions {
  // Authorities that the server's certificate may be of. Empty: those of the system, which are
  // where $SSL_CERT_FILE says or where distributions have them.
  std::string ca = {};
  // The client's own certificate with those that lead to its authority, and its private key, for
  // servers that ask for one. Both or none.
  std::string certificate = {};
  std::string key = {};
};

// For ClientOptions::credentials. INVALID_ARGUMENT naming the option and the file if one can't be
// read; what is in them is looked at when a connection is made.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentials(
    const TlsOptions& options = {});

}  // namespace descent::client

#endif  // CLIENT_DESCENT_TLS_H_
