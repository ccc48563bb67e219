// TLS of the HTTP port: the server's certificate as its files have it now, and the same rule for
// clients' certificates as gRPC's ports have.

#ifndef SERVER_HTTP_ENCRYPTION_H_
#define SERVER_HTTP_ENCRYPTION_H_

#include <openssl/types.h>

#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <memory>
#include <utility>

#include "server/access/certificate_names.h"
#include "server/ops/tls.h"

namespace descent::http {

// Not thread-safe.
class Encryption {
 public:
  explicit Encryption(std::shared_ptr<ops::Tls> tls) : tls_(std::move(tls)) {}

  // For a new connection, which has to keep it. Null where OpenSSL does not take what the files
  // hold, which is logged.
  std::shared_ptr<boost::asio::ssl::context> Context();

 private:
  const std::shared_ptr<ops::Tls> tls_;
  std::shared_ptr<boost::asio::ssl::context> context_;
  std::int64_t number_ = -1;  // of what the context was made from
};

// Of the certificate that the connection's client has shown; none if it has shown none.
access::CertificateNames ShownCertificate(SSL* connection);

}  // namespace descent::http

#endif  // SERVER_HTTP_ENCRYPTION_H_
