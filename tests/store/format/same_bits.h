// Whether two values are the same to the bit, field by field.

#ifndef TESTS_STORE_FORMAT_SAME_BITS_H_
#define TESTS_STORE_FORMAT_SAME_BITS_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "core/buffer.h"
#include "core/snapshot.h"
#include "tests/store/format/fields.h"

namespace descent::store {

// Declared first, since values hold one another.
template <typename T>
bool SameBits(const T& a, const T& b);
template <typename T>
bool SameBits(const std::optional<T>& a, const std::optional<T>& b);
template <typename T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b);
template <typename... Ts>
bool SameBits(const std::variant<Ts...>& a, const std::variant<Ts...>& b);

inline bool SameBits(const std::string& a, const std::string& b) { return a == b; }
inline bool SameBits(const SharedText& a, const SharedText& b) { return a == b; }
inline bool SameBits(absl::Time a, absl::Time b) { return a == b; }
inline bool SameBits(const std::map<std::string, std::string>& a,
                     const std::map<std::string, std::string>& b) {
  return a == b;
}
inline bool SameBits(const Buffer& a, const Buffer& b) {
  return a.type() == b.type() && a.size() == b.size() &&
         (a.empty() || std::memcmp(a.bytes(), b.bytes(), a.byte_size()) == 0);
}
inline bool SameBits(const Matrix& a, const Matrix& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() && SameBits(a.buffer(), b.buffer());
}
inline bool SameBits(const Snapshot& a, const Snapshot& b) {
  const InputStatistics* const ours = a.statistics().get();
  const InputStatistics* const theirs = b.statistics().get();
  if ((ours == nullptr) != (theirs == nullptr)) return false;
  const bool same_statistics =
      ours == nullptr || (ours->values().size() == theirs->values().size() &&
                          std::memcmp(ours->values().data(), theirs->values().data(),
                                      ours->values().size() * sizeof(double)) == 0);
  return same_statistics && a.step() == b.step() && SameBits(a.parameters(), b.parameters());
}

template <typename T>
bool SameBits(const std::optional<T>& a, const std::optional<T>& b) {
  return a.has_value() == b.has_value() && (!a.has_value() || SameBits(*a, *b));
}

template <typename T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!SameBits(a[i], b[i])) return false;
  }
  return true;
}

template <typename... Ts>
bool SameBits(const std::variant<Ts...>& a, const std::variant<Ts...>& b) {
  return a.index() == b.index() &&
         std::visit(
             [&](const auto& value) {
               return SameBits(value, std::get<std::remove_cvref_t<decltype(value)>>(b));
             },
             a);
}

template <typename T>
bool SameBits(const T& a, const T& b) {
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    using Bytes = std::array<std::byte, sizeof(T)>;
    return std::bit_cast<Bytes>(a) == std::bit_cast<Bytes>(b);
  } else {
    const auto all = [](const auto& fields_of_a, const auto& fields_of_b) {
      constexpr std::size_t kFields = std::tuple_size_v<std::remove_cvref_t<decltype(fields_of_a)>>;
      return [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
        return (SameBits(std::get<kIndex>(fields_of_a), std::get<kIndex>(fields_of_b)) && ...);
      }(std::make_index_sequence<kFields>());
    };
    return all(Fields(a), Fields(b));
  }
}

}  // namespace descent::store

#endif  // TESTS_STORE_FORMAT_SAME_BITS_H_
