// Bytes as hexadecimal digits, for formats that must not change.

#ifndef TESTS_STORE_HEX_H_
#define TESTS_STORE_HEX_H_

#include <string>
#include <string_view>

namespace descent::store {

inline std::string Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string digits;
  for (const char c : bytes) {
    digits += kDigits[static_cast<unsigned char>(c) >> 4];
    digits += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return digits;
}

}  // namespace descent::store

#endif  // TESTS_STORE_HEX_H_
