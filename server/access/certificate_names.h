// The names in the certificate of a connection's other end.

#ifndef SERVER_ACCESS_CERTIFICATE_NAMES_H_
#define SERVER_ACCESS_CERTIFICATE_NAMES_H_

#include <openssl/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace grpc {
class ServerContextBase;
}

namespace descent::access {

// Each as it is written in the access file: the SANs ("spiffe://example/pricing",
// "pricing.example"), the subject ("CN=pricing,O=Example") and of that the common name alone
// ("CN=pricing").
struct CertificateNames {
  std::vector<std::string> names;
};

// Whether a name of the access file is that of a subject, and not a SAN.
bool IsSubject(std::string_view name);

// Those of the certificate that the transport has verified; none if none was shown. SANs that look
// like a subject are left out: nobody passes for a subject by them.
CertificateNames CertificateNamesOf(const grpc::ServerContextBase& context);

// The same of a certificate that a transport other than gRPC's has verified.
CertificateNames CertificateNamesOf(const X509& certificate);

}  // namespace descent::access

#endif  // SERVER_ACCESS_CERTIFICATE_NAMES_H_
