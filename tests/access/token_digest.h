// How the access file knows a token.

#ifndef TESTS_ACCESS_TOKEN_DIGEST_H_
#define TESTS_ACCESS_TOKEN_DIGEST_H_

#include <string>

#include "absl/strings/escaping.h"
#include "server/access/digest.h"

namespace descent::testing {

// The hexadecimal digits of its SHA-256.
inline std::string TokenDigest(const std::string& token) {
  const access::Digest digest = access::Sha256(token);
  return absl::BytesToHexString(std::string(digest.begin(), digest.end()));
}

}  // namespace descent::testing

#endif  // TESTS_ACCESS_TOKEN_DIGEST_H_
