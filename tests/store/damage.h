// Every way to cut bytes short, and to change a byte of them.

#ifndef TESTS_STORE_DAMAGE_H_
#define TESTS_STORE_DAMAGE_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace descent::store {

// check(cut) for every proper prefix that is not empty.
template <typename Check>
void ForEachTruncation(std::string_view bytes, Check check) {
  // A copy of its own of that size, so that a sanitizer sees a byte read too many.
  for (std::size_t size = 1; size < bytes.size(); ++size) check(std::string(bytes.substr(0, size)));
}

// check(changed) for every byte with one of its bits flipped, and with all of them.
template <typename Check>
void ForEachChangedByte(std::string_view bytes, Check check) {
  std::string changed(bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int flipped : {1, 2, 4, 8, 16, 32, 64, 128, 255}) {
      changed[i] = static_cast<char>(bytes[i] ^ flipped);
      check(changed);
    }
    changed[i] = bytes[i];
  }
}

}  // namespace descent::store

#endif  // TESTS_STORE_DAMAGE_H_
