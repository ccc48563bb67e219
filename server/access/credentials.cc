#include "server/access/credentials.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/status_macros.h"
#include "core/text_view.h"
#include "server/access/refusal.h"

namespace descent::access {
namespace {

constexpr absl::string_view kScheme = "bearer";
constexpr absl::string_view kBasicScheme = "basic";

bool MayBeInToken(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         absl::string_view("-._~+/=").find(c) != absl::string_view::npos;
}

absl::Status Malformed(absl::string_view got) {
  return Refuse(Refusal::kMalformedCredentials,
                absl::StrCat("authorization: expected `Bearer TOKEN` once, got ", got));
}

// A header's scheme, and what follows it.
struct Scheme {
  absl::string_view name;
  absl::string_view rest;
};

Scheme SchemeOf(std::string_view header) {
  absl::string_view text = View(header);
  const std::size_t ends = std::min(text.find(' '), text.size());
  const absl::string_view name = text.substr(0, ends);
  text.remove_prefix(std::min(text.find_first_not_of(' ', ends), text.size()));
  return {name, text};
}

absl::StatusOr<Digest> DigestOf(absl::string_view token) {
  if (token.empty()) return Malformed("no token");
  if (token.size() > kMostTokenBytes) {
    return Malformed(absl::StrCat("a token of more than ", kMostTokenBytes, " bytes"));
  }
  if (!std::all_of(token.begin(), token.end(), MayBeInToken)) {
    return Malformed("a token with characters other than letters, digits and -._~+/=");
  }
  return Sha256({token.data(), token.size()});
}

}  // namespace

absl::StatusOr<Digest> ReadAuthorization(std::string_view header) {
  const Scheme scheme = SchemeOf(header);
  if (absl::EqualsIgnoreCase(scheme.name, kScheme)) return DigestOf(scheme.rest);
  return Malformed(header.empty() ? "nothing" : "another scheme");
}

absl::StatusOr<Digest> ReadHttpAuthorization(std::string_view header) {
  const Scheme scheme = SchemeOf(header);
  if (!absl::EqualsIgnoreCase(scheme.name, kBasicScheme)) return ReadAuthorization(header);
  std::string user_and_password;
  if (!absl::Base64Unescape(scheme.rest, &user_and_password)) {
    return Malformed("Basic credentials that are not in base64");
  }
  const std::size_t colon = user_and_password.find(':');
  if (colon == std::string::npos) return Malformed("Basic credentials without a password");
  return DigestOf(absl::string_view(user_and_password).substr(colon + 1));
}

absl::StatusOr<Credentials> HttpCredentials(absl::Span<const std::string_view> authorization,
                                            CertificateNames certificate) {
  if (authorization.size() > 1) return Malformed("it several times");
  if (!authorization.empty()) {
    ASSIGN_OR_RETURN(Digest digest, ReadHttpAuthorization(authorization.front()));
    return digest;
  }
  if (certificate.names.empty()) return Credentials();
  return certificate;
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
