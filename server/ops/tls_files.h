// The files that say who the server is and whom it believes, as TLS has it.

#ifndef SERVER_OPS_TLS_FILES_H_
#define SERVER_OPS_TLS_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace descent::ops {

// Paths of files in PEM.
struct TlsFiles {
  std::string certificate =
      {};                      // the server's, and those that lead to its authority's; none: no TLS
  std::string key = {};        // the certificate's private key, not encrypted
  std::string client_ca = {};  // authorities of clients; none: clients show no certificate

  bool given() const { return !certificate.empty(); }
};

// What is in the files.
struct TlsIdentity {
  std::string certificate;
  std::string key;
  std::string client_ca;
  std::int64_t not_after = 0;  // until when the certificate is good, in seconds since 1970
  std::string subject;         // whose it is, for the log: "CN=descent.example"
};

// Reads the files. kInvalidArgument naming the option, the file and what is wrong with it: it can't
// be read or holds more than a MiB, is no PEM, the key is encrypted or is not the certificate's.
absl::StatusOr<TlsIdentity> ReadTlsFiles(const TlsFiles& files);

// What tells that files have changed, cheaply: of each its number, size and times, behind links.
std::string TlsFilesVersion(const TlsFiles& files);

}  // namespace descent::ops

#endif  // SERVER_OPS_TLS_FILES_H_
