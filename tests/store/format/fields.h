// The fields of every struct that is stored, as a tuple of references, so that the suites fill,
// store and compare all of them.

#ifndef TESTS_STORE_FORMAT_FIELDS_H_
#define TESTS_STORE_FORMAT_FIELDS_H_

#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>

#include "server/store/records.h"

namespace descent::store {

template <typename T, typename Struct>
concept FieldsOf = std::same_as<std::remove_const_t<T>, Struct>;

// Stands for a value of any type where a struct's fields are counted.
struct AnyValue {
  template <typename T>
  operator T() const;  // NOLINT(google-explicit-constructor)
};

template <typename T, typename... Values>
consteval std::size_t CountFields() {
  if constexpr (requires { T{Values{}..., AnyValue{}}; }) {
    return CountFields<T, Values..., AnyValue>();
  } else {
    return sizeof...(Values);
  }
}

template <typename T>
auto Fields(T& value) {
  constexpr std::size_t kFields = CountFields<std::remove_const_t<T>>();
  static_assert(kFields <= 9);
  if constexpr (kFields == 0) {
    return std::tuple<>();
  } else if constexpr (kFields == 1) {
    auto& [a] = value;
    return std::tie(a);
  } else if constexpr (kFields == 2) {
    auto& [a, b] = value;
    return std::tie(a, b);
  } else if constexpr (kFields == 3) {
    auto& [a, b, c] = value;
    return std::tie(a, b, c);
  } else if constexpr (kFields == 4) {
    auto& [a, b, c, d] = value;
    return std::tie(a, b, c, d);
  } else if constexpr (kFields == 5) {
    auto& [a, b, c, d, e] = value;
    return std::tie(a, b, c, d, e);
  } else if constexpr (kFields == 6) {
    auto& [a, b, c, d, e, f] = value;
    return std::tie(a, b, c, d, e, f);
  } else if constexpr (kFields == 7) {
    auto& [a, b, c, d, e, f, g] = value;
    return std::tie(a, b, c, d, e, f, g);
  } else if constexpr (kFields == 8) {
    auto& [a, b, c, d, e, f, g, h] = value;
    return std::tie(a, b, c, d, e, f, g, h);
  } else {
    auto& [a, b, c, d, e, f, g, h, i] = value;
    return std::tie(a, b, c, d, e, f, g, h, i);
  }
}

template <FieldsOf<LayerSpec> T>
auto Fields(T& value) {
  return std::tie(AsVariant(value));
}

template <FieldsOf<ModelImage> T>
auto Fields(T& value) {
  // The last one is no part of the state.
  auto& [a, b, c, d, e, f, g, memory] = value;
  return std::tie(a, b, c, d, e, f, g);
}

}  // namespace descent::store

#endif  // TESTS_STORE_FORMAT_FIELDS_H_
