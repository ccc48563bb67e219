#include "server/ops/tls.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/status_macros.h"
#include "server/ops/log.h"
#include "server/ops/own_credentials.h"

namespace descent::ops {

// What one port is given when it takes a connection. gRPC asks with every handshake, and has no
// other way to be told: its watcher of files takes a key that is not the certificate's, and then
// takes no connection any more.
class PortCertificates {
 public:
  explicit PortCertificates(std::shared_ptr<Tls> tls) : tls_(std::move(tls)) {}

  ClientCertificates clients() const { return tls_->clients_; }
  bool asks_for_clients() const { return !tls_->files_.client_ca.empty(); }

  // Of the type grpc_ssl_server_certificate_config_callback; one call at a time.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<PortCertificates*>(self)->Fetch(config);
  }

 private:
  grpc_ssl_certificate_config_reload_status Fetch(grpc_ssl_server_certificate_config** config) {
    const Tls::Numbered current = tls_->Current();
    if (current.number == given_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const TlsIdentity& identity = *current.identity;
    const grpc_ssl_pem_key_cert_pair pair{identity.key.c_str(), identity.certificate.c_str()};
    // gRPC wants authorities of clients where no client is asked for a certificate, too.
    const std::string& authorities =
        identity.client_ca.empty() ? identity.certificate : identity.client_ca;
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
    given_ = current.number;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const std::shared_ptr<Tls> tls_;
  std::int64_t given_ = -1;
};

namespace {

grpc_ssl_client_certificate_request_type RequestOf(const PortCertificates& certificates) {
  if (!certificates.asks_for_clients()) return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
  return certificates.clients() == ClientCertificates::kRequired
             ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
             : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
}

// What has to outlive credentials that ask it.
struct HeldCertificates {
  std::unique_ptr<PortCertificates> certificates;
};

// gRPC's own have no certificates that change.
class ChangingCredentials final : private HeldCertificates,
                                  public OwnCredentials<grpc::ServerCredentials> {
 public:
  explicit ChangingCredentials(std::unique_ptr<PortCertificates> held)
      : HeldCertificates{std::move(held)},
        OwnCredentials(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                RequestOf(*certificates), PortCertificates::Fetch, certificates.get()))) {}
};

void LogIdentity(const char* message, const TlsFiles& files, const TlsIdentity& identity) {
  const absl::Time end = absl::FromUnixSeconds(identity.not_after);
  const std::string until = absl::FormatTime(absl::RFC3339_sec, end, absl::UTCTimeZone());
  Log(end < absl::Now() ? LogLevel::kWarning : LogLevel::kInfo, message,
      {{"file", files.certificate}, {"subject", identity.subject}, {"good_until", until}});
}

}  // namespace

absl::StatusOr<std::shared_ptr<Tls>> Tls::Load(const TlsFiles& files, ClientCertificates clients) {
  std::string version = TlsFilesVersion(files);
  ASSIGN_OR_RETURN(TlsIdentity identity, ReadTlsFiles(files));
  LogIdentity("certificate", files, identity);
  return std::shared_ptr<Tls>(new Tls(files, clients, std::move(version), std::move(identity)));
}

Tls::Tls(TlsFiles files, ClientCertificates clients, std::string version, TlsIdentity identity)
    : files_(std::move(files)),
      clients_(clients),
      version_(std::move(version)),
      current_{.identity = std::make_shared<const TlsIdentity>(std::move(identity))} {}

std::shared_ptr<grpc::ServerCredentials> Tls::MakeCredentials() {
  return std::make_shared<ChangingCredentials>(
      std::make_unique<PortCertificates>(shared_from_this()));
}

Tls::Numbered Tls::Current() const {
  const absl::MutexLock lock(&mutex_);
  return current_;
}

absl::Time Tls::not_after() const { return absl::FromUnixSeconds(Current().identity->not_after); }

void Tls::Refresh() {
  std::string version = TlsFilesVersion(files_);
  if (version == version_) return;
  version_ = std::move(version);
  absl::StatusOr<TlsIdentity> read = ReadTlsFiles(files_);
  if (!read.ok()) {
    // So it is between the moment when one file is changed and that when its fellow is.
    Log(LogLevel::kWarning, "certificate not changed",
        {{"problem", std::string(read.status().message())}});
    return;
  }
  LogIdentity("certificate changed", files_, *read);
  const absl::MutexLock lock(&mutex_);
  current_ = {.identity = std::make_shared<const TlsIdentity>(*std::move(read)),
              .number = current_.number + 1};
}

}  // namespace descent::ops
