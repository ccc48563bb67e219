// Parameters of a kind that its family's spec holds as optionals: which of them the kind takes, and
// what they are unless said. Internal to the core.

#ifndef CORE_KIND_PARAMETERS_H_
#define CORE_KIND_PARAMETERS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/check.h"
#include "core/error.h"
#include "core/spec_fields.h"

namespace descent {

// The optional numbers of a spec, by name.
class OptionalFields {
 public:
  template <typename Spec>
  explicit OptionalFields(Spec& spec) {
    Describe(*this, spec);
  }
  void Field(const char* name, std::optional<double>& value) { fields_.emplace_back(name, &value); }
  template <typename Other>
  void Field(const char* /*name*/, Other& /*value*/) {}

  const std::vector<std::pair<std::string_view, std::optional<double>*>>& all() const {
    return fields_;
  }

 private:
  std::vector<std::pair<std::string_view, std::optional<double>*>> fields_;
};

// `given` with what it leaves out taken from `defaults`, the kind's spec with a value for each
// parameter that the kind takes. kInvalidArgument naming a parameter that it does not;
// `kind` says which it is, "loss huber".
template <typename Spec>
absl::StatusOr<Spec> WithDefaults(Spec given, Spec defaults, const std::string& kind) {
  const OptionalFields ours(given);
  const OptionalFields theirs(defaults);
  for (std::size_t i = 0; i < ours.all().size(); ++i) {
    const auto& [name, value] = ours.all()[i];
    const std::optional<double>& usual = *theirs.all()[i].second;
    if (value->has_value() && !usual.has_value()) {
      return InvalidField(name, "not taken by " + kind);
    }
    if (!value->has_value()) *value = usual;
  }
  return given;
}

// A parameter that the kind takes, of a spec that has all of them.
inline double Taken(const std::optional<double>& parameter) {
  DESCENT_CHECK(parameter.has_value());
  return *parameter;
}

}  // namespace descent

#endif  // CORE_KIND_PARAMETERS_H_
