// The numbers that a kind of a family is set up with, whichever the kind.

#ifndef TESTS_SUPPORT_PARAMETERS_H_
#define TESTS_SUPPORT_PARAMETERS_H_

#include <variant>
#include <vector>

#include "core/spec_fields.h"

namespace descent::testing {

class DoubleFields {
 public:
  void Field(const char* /*name*/, double& value) { values.push_back(&value); }
  template <typename Other>
  void Field(const char* /*name*/, Other& /*value*/) {}

  std::vector<double*> values;
};

// The alternative's numbers, in the order of their description.
template <typename... Kinds>
std::vector<double*> ParametersOf(std::variant<Kinds...>* spec) {
  DoubleFields fields;
  std::visit([&](auto& kind) { Describe(fields, kind); }, *spec);
  return fields.values;
}

// The kind with another value for each of its parameters.
template <typename Spec>
Spec WithParameters(Spec spec, double value) {
  for (double* const parameter : ParametersOf(&spec)) *parameter = value;
  return spec;
}

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_PARAMETERS_H_
