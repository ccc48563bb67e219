#include "server/store/format/settings_kinds.h"

#include <vector>

#include "core/layers/kinds.h"
#include "core/optimizers/kinds.h"
#include "core/schedules/schedule.h"

namespace descent::store {

absl::Span<const ActivationInfo> KindRows(ActivationKind /*kind*/) { return Activations(); }
absl::Span<const InitializerInfo> KindRows(InitializerKind /*kind*/) { return Initializers(); }
absl::Span<const LossInfo> KindRows(LossKind /*kind*/) { return Losses(); }

absl::Span<const NamedKind<DataType>> KindRows(DataType /*kind*/) {
  static constexpr NamedKind<DataType> kRows[] = {
      {DataType::kFloat32, DataTypeName(DataType::kFloat32)},
      {DataType::kFloat64, DataTypeName(DataType::kFloat64)},
  };
  return kRows;
}

absl::Span<const NamedKind<Durability>> KindRows(Durability /*kind*/) {
  static constexpr NamedKind<Durability> kRows[] = {
      {Durability::kJournal, "journal"},
      {Durability::kCheckpoint, "checkpoint"},
      {Durability::kMemory, "memory"},
  };
  return kRows;
}

absl::Span<const NamedAlternative<OptimizerOptions>> AlternativeRows(
    const OptimizerOptions& /*options*/) {
  static const auto* rows = [] {
    auto* made = new std::vector<NamedAlternative<OptimizerOptions>>;
    for (const OptimizerInfo& info : Optimizers()) made->push_back({info.name, info.defaults});
    return made;
  }();
  return *rows;
}

absl::Span<const NamedAlternative<Decay>> AlternativeRows(const Decay& /*decay*/) {
  static const auto* rows = [] {
    auto* made = new std::vector<NamedAlternative<Decay>>;
    for (const ScheduleInfo& info : Schedules()) made->push_back({info.name, info.example.decay});
    return made;
  }();
  return *rows;
}

absl::Span<const NamedAlternative<LayerVariant>> AlternativeRows(const LayerVariant& /*layer*/) {
  static const auto* rows = [] {
    auto* made = new std::vector<NamedAlternative<LayerVariant>>;
    for (const LayerInfo& info : Layers()) made->push_back({info.name, info.example});
    return made;
  }();
  return *rows;
}

}  // namespace descent::store
