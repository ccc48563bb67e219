// What a caller shows of itself with a call.

#ifndef SERVER_ACCESS_CREDENTIALS_H_
#define SERVER_ACCESS_CREDENTIALS_H_

#include <cstddef>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/access/certificate_names.h"
#include "server/access/digest.h"

namespace grpc {
class ServerContextBase;
}

namespace descent::access {

inline constexpr std::size_t kMostTokenBytes = 1024;

// Nothing; a token's digest; a certificate.
using Credentials = std::variant<std::monostate, Digest, CertificateNames>;

// The digest of the token in the value of an `authorization` header, "Bearer TOKEN".
// UNAUTHENTICATED (CREDENTIALS_MALFORMED) if it is none: another scheme, an empty token, one of
// more than kMostTokenBytes or with characters that tokens do not have (RFC 6750). The message does
// not repeat it.
absl::StatusOr<Digest> ReadAuthorization(std::string_view header);

// The same of an HTTP request, where a browser may send the token as the password of "Basic"
// (RFC 7617), with any user's name.
absl::StatusOr<Digest> ReadHttpAuthorization(std::string_view header);

// An HTTP request's, from all of its `Authorization` headers and the certificate that its
// connection has shown. As of a call, below.
absl::StatusOr<Credentials> HttpCredentials(absl::Span<const std::string_view> authorization,
                                            CertificateNames certificate);

// A call's, from its metadata and its connection. A token is looked at alone, whatever certificate
// comes with it. UNAUTHENTICATED (CREDENTIALS_MALFORMED) as above, and if there is more than one
// `authorization`.
absl::StatusOr<Credentials> CredentialsOf(const grpc::ServerContextBase& context);

}  // namespace descent::access

#endif  // SERVER_ACCESS_CREDENTIALS_H_
