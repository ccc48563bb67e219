// TLS on the server's ports, with files that may change while it serves: new connections get what
// is in them now, those that there are go on. Files that make no sense leave what was.

#ifndef SERVER_OPS_TLS_H_
#define SERVER_OPS_TLS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/ops/tls_files.h"

namespace grpc {
class ServerCredentials;
}

namespace descent::ops {

// What a client has to show where there are authorities for clients.
enum class ClientCertificates : std::uint8_t {
  kRequired,
  kOptional,  // one that is shown has to be good
};

// Thread-safe.
class Tls : public std::enable_shared_from_this<Tls> {
 public:
  // Reads the files. kInvalidArgument as ReadTlsFiles says.
  static absl::StatusOr<std::shared_ptr<Tls>> Load(const TlsFiles& files,
                                                   ClientCertificates clients);

  // Credentials for one port, which keep this alive. TLS 1.2 and 1.3.
  std::shared_ptr<grpc::ServerCredentials> MakeCredentials();

  // What the files held when they were last right, and how many there were before.
  struct Numbered {
    std::shared_ptr<const TlsIdentity> identity;
    std::int64_t number = 0;
  };
  Numbered Current() const;

  ClientCertificates clients() const { return clients_; }

  // Until when the certificate is good that new connections are shown.
  absl::Time not_after() const;

  // Reads the files again if they have changed, and logs what came of it. To be called about twice
  // a second, never at the same time.
  void Refresh();

 private:
  friend class PortCertificates;

  Tls(TlsFiles files, ClientCertificates clients, std::string version, TlsIdentity identity);

  const TlsFiles files_;
  const ClientCertificates clients_;
  std::string version_;  // of the files that were looked at last; Refresh's own
  mutable absl::Mutex mutex_;
  Numbered current_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::ops

#endif  // SERVER_OPS_TLS_H_
