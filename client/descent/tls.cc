#include "client/descent/tls.h"

#include <grpcpp/security/credentials.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace descent::client {
namespace {

absl::StatusOr<std::string> Read(absl::string_view option, const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.good() || (file.eof() && !text.empty())) return text;
  const std::string why = errno != 0 ? std::generic_category().message(errno) : "it is empty";
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", path, ": ", why));
}

// Where a system has the authorities that it believes.
absl::StatusOr<std::string> SystemAuthorities() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets any.
  const char* const given = std::getenv("SSL_CERT_FILE");
  if (given != nullptr && *given != '\0') return Read("$SSL_CERT_FILE", given);
  for (const char* path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    absl::StatusOr<std::string> read = Read("ca", path);
    if (read.ok()) return read;
  }
  return absl::InvalidArgumentError(
      "ca: the system has no file of authorities where they are looked for; name one");
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentials(
    const TlsOptions& options) {
  if (options.certificate.empty() != options.key.empty()) {
    return absl::InvalidArgumentError(options.key.empty() ? "certificate: it needs its private key"
                                                          : "key: it needs its certificate");
  }
  absl::StatusOr<std::string> authorities =
      options.ca.empty() ? SystemAuthorities() : Read("ca", options.ca);
  if (!authorities.ok()) return authorities.status();
  grpc::SslCredentialsOptions credentials;
  credentials.pem_root_certs = *std::move(authorities);
  if (!options.certificate.empty()) {
    absl::StatusOr<std::string> certificate = Read("certificate", options.certificate);
    if (!certificate.ok()) return certificate.status();
    absl::StatusOr<std::string> key = Read("key", options.key);
    if (!key.ok()) return key.status();
    credentials.pem_cert_chain = *std::move(certificate);
    credentials.pem_private_key = *std::move(key);
  }
  return grpc::SslCredentials(credentials);
}

}  // namespace descent::client
