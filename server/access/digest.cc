#include "server/access/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "core/check.h"

namespace descent::access {

Digest Sha256(std::string_view bytes) {
  // Looked up once, for that takes longer than the hash.
  static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  Digest digest;
  unsigned size = 0;
  DESCENT_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, kSha256, nullptr) ==
                1);
  DESCENT_CHECK(size == digest.size());
  return digest;
}

std::optional<Digest> DigestFromHex(std::string_view text) {
  Digest digest;
  const auto is_digit = [](char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); };
  if (text.size() != 2 * digest.size() || !std::all_of(text.begin(), text.end(), is_digit)) {
    return std::nullopt;
  }
  const std::string bytes = absl::HexStringToBytes({text.data(), text.size()});
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

unsigned SameDigest(const Digest& a, const Digest& b) {
  // 0, or the bits in which they differ: less than 256. One less has its highest bit for 0 alone.
  const auto differ = static_cast<unsigned>(CRYPTO_memcmp(a.data(), b.data(), a.size()));
  return (differ - 1U) >> 31U;
}

}  // namespace descent::access
