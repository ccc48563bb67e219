// Hyperparameters in golden files: JSON objects with the names of core/spec.h.

#ifndef TESTS_SUPPORT_GOLDEN_OPTIONS_H_
#define TESTS_SUPPORT_GOLDEN_OPTIONS_H_

#include <string>
#include <utility>
#include <variant>

#include "core/optimizers/kinds.h"
#include "core/spec.h"
#include "gtest/gtest.h"
#include "tests/support/golden.h"

namespace descent::testing {

// Takes fields out of a JSON object; every field has to be taken by somebody.
class OptionReader {
 public:
  explicit OptionReader(Json json) : json_(std::move(json)) {}
  ~OptionReader() { EXPECT_TRUE(json_.empty()) << "not read: " << json_; }

  template <typename T>
  OptionReader& Take(const char* name, T* value) {
    if (const auto field = json_.find(name); field != json_.end()) {
      *value = field->get<T>();
      json_.erase(field);
    }
    return *this;
  }

 private:
  Json json_;
};

inline void Read(OptionReader& reader, SgdOptions* o) {
  reader.Take("momentum", &o->momentum)
      .Take("nesterov", &o->nesterov)
      .Take("weight_decay", &o->weight_decay);
}
inline void Read(OptionReader& reader, AdamOptions* o) {
  reader.Take("beta1", &o->beta1)
      .Take("beta2", &o->beta2)
      .Take("epsilon", &o->epsilon)
      .Take("weight_decay", &o->weight_decay)
      .Take("amsgrad", &o->amsgrad);
}
inline void Read(OptionReader& reader, AdamWOptions* o) {
  reader.Take("beta1", &o->beta1)
      .Take("beta2", &o->beta2)
      .Take("epsilon", &o->epsilon)
      .Take("weight_decay", &o->weight_decay)
      .Take("amsgrad", &o->amsgrad);
}
inline void Read(OptionReader& reader, RmsPropOptions* o) {
  reader.Take("alpha", &o->alpha)
      .Take("epsilon", &o->epsilon)
      .Take("momentum", &o->momentum)
      .Take("centered", &o->centered)
      .Take("weight_decay", &o->weight_decay);
}
inline void Read(OptionReader& reader, AdagradOptions* o) {
  reader.Take("epsilon", &o->epsilon)
      .Take("initial_accumulator_value", &o->initial_accumulator_value)
      .Take("lr_decay", &o->lr_decay)
      .Take("weight_decay", &o->weight_decay);
}
inline void Read(OptionReader& reader, AdadeltaOptions* o) {
  reader.Take("rho", &o->rho).Take("epsilon", &o->epsilon).Take("weight_decay", &o->weight_decay);
}
inline void Read(OptionReader& reader, NadamOptions* o) {
  reader.Take("beta1", &o->beta1)
      .Take("beta2", &o->beta2)
      .Take("epsilon", &o->epsilon)
      .Take("momentum_decay", &o->momentum_decay)
      .Take("weight_decay", &o->weight_decay);
}
inline void Read(OptionReader& reader, LionOptions* o) {
  reader.Take("beta1", &o->beta1).Take("beta2", &o->beta2).Take("weight_decay", &o->weight_decay);
}
inline void Read(OptionReader& reader, FtrlOptions* o) {
  reader.Take("beta", &o->beta).Take("l1", &o->l1).Take("l2", &o->l2);
}

// The named optimizer with its defaults but for what `json` says.
inline OptimizerOptions OptimizerOf(const std::string& name, const Json& json) {
  for (const OptimizerInfo& info : Optimizers()) {
    if (info.name != name) continue;
    OptimizerOptions options = info.defaults;
    OptionReader reader(json);
    std::visit([&](auto& alternative) { Read(reader, &alternative); }, options);
    return options;
  }
  ADD_FAILURE() << "no optimizer " << name;
  return {};
}

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_GOLDEN_OPTIONS_H_
