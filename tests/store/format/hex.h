// Bytes as hexadecimal digits, for formats that must not change.

#ifndef TESTS_STORE_FORMAT_HEX_H_
#define TESTS_STORE_FORMAT_HEX_H_

#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "tests/support/paths.h"

namespace descent::store {

inline std::string Hex(std::string_view bytes) {
  std::string digits;
  for (const char c : bytes) digits += absl::StrFormat("%02x", static_cast<unsigned char>(c));
  return digits;
}

// As docs/storage_format.md shows bytes: lines of 16, with their offset.
inline std::string HexDump(std::string_view bytes) {
  constexpr std::size_t kLine = 16;
  std::string dump;
  for (std::size_t offset = 0; offset < bytes.size(); offset += kLine) {
    dump += absl::StrFormat("%03x ", offset);
    for (const char c : bytes.substr(offset, kLine)) {
      dump += absl::StrFormat(" %02x", static_cast<unsigned char>(c));
    }
    dump += '\n';
  }
  return dump;
}

inline std::string StorageFormatDocument() {
  std::ifstream file(descent::testing::SourceDir() + "/docs/storage_format.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace descent::store

#endif  // TESTS_STORE_FORMAT_HEX_H_
