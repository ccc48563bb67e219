// The names in a model's settings: one overload for each family of kinds, chosen by the type of the
// argument, whose value does not matter. A kind of the engine is here by being in the engine's
// table.

#ifndef SERVER_STORE_FORMAT_SETTINGS_KINDS_H_
#define SERVER_STORE_FORMAT_SETTINGS_KINDS_H_

#include <string_view>

#include "absl/types/span.h"
#include "core/data_type.h"
#include "core/initializers/initializer.h"
#include "core/spec_fields.h"
#include "server/store/model_settings.h"

namespace descent::store {

template <typename Kind>
struct NamedKind {
  Kind kind;
  std::string_view name;
};

// Rows with `kind` and `name`.
absl::Span<const InitializerInfo> KindRows(InitializerKind);
absl::Span<const NamedKind<DataType>> KindRows(DataType);
absl::Span<const NamedKind<Durability>> KindRows(Durability);
absl::Span<const NamedKind<Hashing>> KindRows(Hashing);
absl::Span<const NamedKind<Combiner>> KindRows(Combiner);

// A variant's alternative, with its defaults or, where there are none, with any values.
template <typename Variant>
struct NamedAlternative {
  std::string_view name;
  Variant value;
};

using Decay = decltype(ScheduleSpec::decay);

// Row i is alternative i.
absl::Span<const NamedAlternative<OptimizerOptions>> AlternativeRows(const OptimizerOptions&);
absl::Span<const NamedAlternative<Decay>> AlternativeRows(const Decay&);
absl::Span<const NamedAlternative<LayerVariant>> AlternativeRows(const LayerVariant&);
absl::Span<const NamedAlternative<ActivationSpec>> AlternativeRows(const ActivationSpec&);
absl::Span<const NamedAlternative<LossSpec>> AlternativeRows(const LossSpec&);

}  // namespace descent::store

#endif  // SERVER_STORE_FORMAT_SETTINGS_KINDS_H_
