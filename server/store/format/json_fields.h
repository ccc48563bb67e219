// Structs as JSON objects. A struct names its fields once, in a function Describe as in
// core/spec_fields.h,
//
//   template <typename Fields, Of<DenseSpec> T>
//   void Describe(Fields& fields, T& dense) {
//     fields.Field("units", dense.units);
//     …
//   }
//
// which writes them with JsonWriter and reads them with JsonReader. What one leaves out of an
// object the other lets be missing: std::optional without a value, SharedText without text, and
// categorical inputs where there are none.
//
// Values are bool, std::int64_t, std::uint64_t, double, std::string, std::optional and std::vector
// of values, structs with a Describe beside them, and what settings_kinds.h gives names to.

#ifndef SERVER_STORE_FORMAT_JSON_FIELDS_H_
#define SERVER_STORE_FORMAT_JSON_FIELDS_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/check.h"
#include "core/spec_fields.h"
#include "nlohmann/json.hpp"
#include "server/store/format/settings_kinds.h"
#include "server/store/shared_text.h"

namespace descent::store {

using Json = nlohmann::ordered_json;  // fields stay in the order of the description

using TextMap = std::map<std::string, std::string>;

// What JSON can't say is written as text: numbers that are not finite as "0x7ff8000000000000", the
// bits of the double, and strings that are not UTF-8 as the hexadecimal digits of their bytes, in a
// field whose name ends in "_hex".
std::string DoubleBitsText(double value);
bool ReadDoubleBitsText(const std::string& text, double* value);
std::string HexText(std::string_view bytes);
bool ReadHexText(std::string_view text, std::string* bytes);
// Whether JSON can hold it.
bool IsUtf8(const std::string& text);

class JsonWriter {
 public:
  explicit JsonWriter(Json* object) : object_(*object) { object_ = Json::object(); }

  template <typename T>
  void Field(std::string_view name, const T& value) {
    object_[std::string(name)] = ValueOf(value);
  }
  template <typename T>
  void Field(std::string_view name, const std::optional<T>& value) {
    if (value.has_value()) Field(name, *value);
  }
  void Field(std::string_view name, const std::string& text);
  void Field(std::string_view name, const TextMap& texts);
  void Field(std::string_view name, const SharedText& text) {
    if (!text.empty()) Field(name, text.text());
  }

  void Field(std::string_view name, const std::vector<CategoricalInputSpec>& inputs) {
    if (!inputs.empty()) object_[std::string(name)] = ValueOf(inputs);
  }

  // An object with the alternative's name and its fields.
  template <typename... Structs>
  void Field(std::string_view name, const std::variant<Structs...>& value) {
    Json object;
    JsonWriter writer(&object);
    object["kind"] = std::string(AlternativeRows(value)[value.index()].name);
    std::visit([&](const auto& alternative) { Describe(writer, alternative); }, value);
    object_[std::string(name)] = std::move(object);
  }

  // The field named after the alternative that the variant holds.
  template <typename... Structs>
  void Alternative(const std::variant<Structs...>& value) {
    const auto& row = AlternativeRows(value)[value.index()];
    std::visit([&](const auto& alternative) { Field(row.name, alternative); }, value);
  }

 private:
  static Json ValueOf(bool value) { return value; }
  static Json ValueOf(std::int64_t value) { return value; }
  static Json ValueOf(std::uint64_t value) { return value; }
  static Json ValueOf(double value) {
    return std::isfinite(value) ? Json(value) : Json(DoubleBitsText(value));
  }
  template <typename T>
  static Json ValueOf(const std::vector<T>& values) {
    Json array = Json::array();
    for (const T& value : values) array.push_back(ValueOf(value));
    return array;
  }
  template <typename T>
    requires std::is_enum_v<T>
  static Json ValueOf(T kind) {
    for (const auto& row : KindRows(kind)) {
      if (row.kind == kind) return std::string(row.name);
    }
    DESCENT_CHECK(false);
    return {};
  }
  template <typename T>
    requires std::is_class_v<T>
  static Json ValueOf(const T& value) {
    Json object;
    JsonWriter writer(&object);
    Describe(writer, value);
    return object;
  }

  Json& object_;
};

// Reads an object until something is not as the description says; what was read until then is of no
// use.
class JsonReader {
 public:
  // Empty if all is well.
  template <typename T>
  static std::string Read(const Json& object, T* value) {
    std::string problem;
    ReadValue(object, "", value, &problem);
    return problem;
  }

  template <typename T>
  void Field(std::string_view name, T& value) {
    if (const Json* field = Take(name)) {
      ReadValue(*field, PathOf(name), &value, problem_);
    } else if (!fields_may_be_missing_) {
      Fail(PathOf(name), "is missing");
    }
  }
  template <typename T>
  void Field(std::string_view name, std::optional<T>& value) {
    value.reset();
    if (const Json* field = Take(name)) ReadValue(*field, PathOf(name), &value.emplace(), problem_);
  }
  void Field(std::string_view name, std::string& text);
  void Field(std::string_view name, TextMap& texts);
  void Field(std::string_view name, SharedText& text);
  void Field(std::string_view name, std::vector<CategoricalInputSpec>& inputs) {
    inputs.clear();
    if (const Json* field = Take(name)) ReadValue(*field, PathOf(name), &inputs, problem_);
  }
  template <typename... Structs>
  void Field(std::string_view name, std::variant<Structs...>& value) {
    const Json* const field = Take(name);
    if (field == nullptr) {
      Fail(PathOf(name), "is missing");
      return;
    }
    ReadObject(
        *field, PathOf(name), [&](JsonReader& fields) { fields.KindAndFields(value); }, problem_);
  }

  template <typename... Structs>
  void Alternative(std::variant<Structs...>& value) {
    for (const auto& row : AlternativeRows(value)) {
      if (!object_.contains(std::string(row.name))) continue;
      value = row.value;
      std::visit([&](auto& alternative) { Field(row.name, alternative); }, value);
      return;
    }
    Fail(path_, "names no known kind");
  }

 private:
  JsonReader(const Json& object, std::string path, std::string* problem)
      : object_(object), path_(std::move(path)), problem_(problem) {}

  // The alternative that the field "kind" names, and its fields. Those that are missing are as they
  // are by default, as settings were written without them.
  template <typename... Structs>
  void KindAndFields(std::variant<Structs...>& value) {
    const Json* const kind = Take("kind");
    if (kind == nullptr || !kind->is_string()) {
      Fail(PathOf("kind"), kind == nullptr ? "is missing" : "is not a string");
      return;
    }
    for (const auto& row : AlternativeRows(value)) {
      if (kind->get_ref<const std::string&>() != row.name) continue;
      value = row.value;
      fields_may_be_missing_ = true;
      std::visit([&](auto& alternative) { Describe(*this, alternative); }, value);
      return;
    }
    Fail(PathOf("kind"), "is no known kind");
  }

  static bool ReadValue(const Json& json, const std::string& path, bool* value,
                        std::string* problem);
  static bool ReadValue(const Json& json, const std::string& path, std::int64_t* value,
                        std::string* problem);
  static bool ReadValue(const Json& json, const std::string& path, std::uint64_t* value,
                        std::string* problem);
  static bool ReadValue(const Json& json, const std::string& path, double* value,
                        std::string* problem);
  template <typename T>
  static bool ReadValue(const Json& json, const std::string& path, std::vector<T>* values,
                        std::string* problem) {
    if (!json.is_array()) return Fail(path, "is not an array", problem);
    values->clear();
    for (const Json& element : json) {
      const std::string place = path + "[" + std::to_string(values->size()) + "]";
      if (!ReadValue(element, place, &values->emplace_back(), problem)) return false;
    }
    return true;
  }
  template <typename T>
    requires std::is_enum_v<T>
  static bool ReadValue(const Json& json, const std::string& path, T* kind, std::string* problem) {
    if (!json.is_string()) return Fail(path, "is not a string", problem);
    for (const auto& row : KindRows(*kind)) {
      if (json.get_ref<const std::string&>() != row.name) continue;
      *kind = row.kind;
      return true;
    }
    return Fail(path, "is no known kind", problem);
  }
  template <typename T>
    requires std::is_class_v<T>
  static bool ReadValue(const Json& json, const std::string& path, T* value, std::string* problem) {
    return ReadObject(
        json, path, [&](auto& fields) { Describe(fields, *value); }, problem);
  }

  template <typename Function>
  static bool ReadObject(const Json& json, const std::string& path, Function describe,
                         std::string* problem) {
    if (!json.is_object()) return Fail(path, "is not an object", problem);
    JsonReader fields(json, path, problem);
    describe(fields);
    if (fields.taken_ != json.size()) return Fail(path, "has a field that is not known", problem);
    return problem->empty();
  }

  // Sets the problem if it is the first. False.
  static bool Fail(const std::string& path, std::string_view what, std::string* problem);
  bool Fail(const std::string& path, std::string_view what) { return Fail(path, what, problem_); }

  std::string PathOf(std::string_view name) const;
  // The field, which counts as read; null if it is not there.
  const Json* Take(std::string_view name);

  const Json& object_;
  const std::string path_;      // of object_; empty at the top
  std::string* const problem_;  // the first
  std::size_t taken_ = 0;
  bool fields_may_be_missing_ = false;
};

}  // namespace descent::store

#endif  // SERVER_STORE_FORMAT_JSON_FIELDS_H_
