// SHA-256, by which tokens are known: who reads the access file can't pass for a caller.

#ifndef SERVER_ACCESS_DIGEST_H_
#define SERVER_ACCESS_DIGEST_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace descent::access {

using Digest = std::array<std::uint8_t, 32>;

Digest Sha256(std::string_view bytes);

// From 64 hexadecimal digits, of either case; empty if it is anything else.
std::optional<Digest> DigestFromHex(std::string_view text);

// 1 if they are the same, else 0, in a time that does not depend on either.
unsigned SameDigest(const Digest& a, const Digest& b);

}  // namespace descent::access

#endif  // SERVER_ACCESS_DIGEST_H_
