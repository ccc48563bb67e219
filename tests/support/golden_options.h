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

// The named optimizer with its defaults but for what `json` says.
inline OptimizerOptions OptimizerOf(const std::string& name, const Json& json) {
  for (const OptimizerInfo& info : Optimizers()) {
    if (info.name != name) continue;
    OptimizerOptions options = info.defaults;
    OptionReader reader(json);
    std::visit([&](auto& alternative) { Describe(reader, alternative); }, options);
    return options;
  }
  ADD_FAILURE() << "no optimizer " << name;
  return {};
}

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_GOLDEN_OPTIONS_H_
