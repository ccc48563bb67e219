// Hyperparameters in golden files: JSON objects with the names of core/spec.h.

#ifndef TESTS_SUPPORT_GOLDEN_OPTIONS_H_
#define TESTS_SUPPORT_GOLDEN_OPTIONS_H_

#include <string>
#include <utility>
#include <variant>

#include "core/optimizers/kinds.h"
#include "core/spec_fields.h"
#include "gtest/gtest.h"
#include "tests/support/golden.h"

namespace descent::testing {

// Takes fields out of a JSON object; every field has to be taken by somebody.
class OptionReader {
 public:
  explicit OptionReader(Json json) : json_(std::move(json)) {}
  ~OptionReader() { EXPECT_TRUE(json_.empty()) << "not read: " << json_; }

  template <typename T>
  void Field(const char* name, T& value) {
    if (const auto field = json_.find(name); field != json_.end()) {
      value = field->get<T>();
      json_.erase(field);
    }
  }

 private:
  Json json_;
};

// The kind with what `json` says of its parameters.
template <typename... Kinds>
std::variant<Kinds...> WithOptions(std::variant<Kinds...> spec, const Json& json) {
  OptionReader reader(json);
  std::visit([&](auto& kind) { Describe(reader, kind); }, spec);
  return spec;
}

// Takes the fields of an object that are parameters of a kind.
class OptionPicker {
 public:
  explicit OptionPicker(const Json& json) : json_(json) {}

  template <typename T>
  void Field(const char* name, const T& /*value*/) {
    if (json_.contains(name)) picked_[name] = json_.at(name);
  }
  const Json& picked() const { return picked_; }

 private:
  const Json& json_;
  Json picked_ = Json::object();
};

// The part of an object, with other fields in it, that sets the kind's parameters.
template <typename... Kinds>
Json ParametersIn(const Json& json, const std::variant<Kinds...>& spec) {
  OptionPicker picker(json);
  std::visit([&](const auto& kind) { Describe(picker, kind); }, spec);
  return picker.picked();
}

// The named kind of a family's table with its defaults but for what `json` says.
template <typename Infos>
auto KindOf(const Infos& infos, const std::string& name, const Json& json = Json::object()) {
  for (const auto& info : infos) {
    if (info.name == name) return WithOptions(info.defaults, json);
  }
  ADD_FAILURE() << "no kind " << name;
  return infos.front().defaults;
}

inline OptimizerOptions OptimizerOf(const std::string& name, const Json& json) {
  return KindOf(Optimizers(), name, json);
}

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_GOLDEN_OPTIONS_H_
