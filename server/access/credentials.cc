#include "server/access/credentials.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/status_macros.h"
#include "server/access/refusal.h"

namespace descent::access {
namespace {

constexpr absl::string_view kScheme = "bearer";

bool MayBeInToken(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         absl::string_view("-._~+/=").find(c) != absl::string_view::npos;
}

absl::Status Malformed(absl::string_view got) {
  return Refuse(Refusal::kMalformedCredentials,
                absl::StrCat("authorization: expected `Bearer TOKEN` once, got ", got));
}

}  // namespace

absl::StatusOr<Digest> ReadAuthorization(std::string_view header) {
  absl::string_view token(header.data(), header.size());
  const std::size_t scheme_ends = std::min(token.find(' '), token.size());
  if (!absl::EqualsIgnoreCase(token.substr(0, scheme_ends), kScheme)) {
    return Malformed(token.empty() ? "nothing" : "another scheme");
  }
  token.remove_prefix(std::min(token.find_first_not_of(' ', scheme_ends), token.size()));
  if (token.empty()) return Malformed("no token");
  if (token.size() > kMostTokenBytes) {
    return Malformed(absl::StrCat("a token of more than ", kMostTokenBytes, " bytes"));
  }
  if (!std::all_of(token.begin(), token.end(), MayBeInToken)) {
    return Malformed("a token with characters other than letters, digits and -._~+/=");
  }
  return Sha256({token.data(), token.size()});
}

absl::StatusOr<Credentials> CredentialsOf(const grpc::ServerContextBase& context) {
  const auto [first, last] = context.client_metadata().equal_range("authorization");
  if (first != last) {
    if (std::next(first) != last) return Malformed("it several times");
    ASSIGN_OR_RETURN(Digest digest,
                     ReadAuthorization({first->second.data(), first->second.size()}));
    return digest;
  }
  CertificateNames certificate = CertificateNamesOf(context);
  if (certificate.names.empty()) return Credentials();
  return certificate;
}

}  // namespace descent::access
