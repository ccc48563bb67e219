#include "server/store/format/settings_kinds.h"

#include <vector>

#include "core/activations/kinds.h"
#include "core/layers/kinds.h"
#include "core/losses/kinds.h"
#include "core/optimizers/kinds.h"
#include "core/schedules/schedule.h"

namespace descent::store {
namespace {

// The engine's rows, by their names and what `value` takes of each. Never freed.
template <typename Variant, typename Info, typename Value>
const std::vector<NamedAlternative<Variant>>* Rows(absl::Span<const Info> infos, Value value) {
  auto* made = new std::vector<NamedAlternative<Variant>>;
  for (const Info& info : infos) made->push_back({info.name, value(info)});
  return made;
}

}  // namespace

absl::Span<const InitializerInfo> KindRows(InitializerKind /*kind*/) { return Initializers(); }

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

absl::Span<const NamedKind<Hashing>> KindRows(Hashing /*kind*/) {
  static constexpr NamedKind<Hashing> kRows[] = {{Hashing::kNone, "none"},
                                                 {Hashing::kXxh64, "xxh64"}};
  return kRows;
}

absl::Span<const NamedKind<Combiner>> KindRows(Combiner /*kind*/) {
  static constexpr NamedKind<Combiner> kRows[] = {{Combiner::kSum, "sum"},
                                                  {Combiner::kMean, "mean"}};
  return kRows;
}

absl::Span<const NamedAlternative<OptimizerOptions>> AlternativeRows(
    const OptimizerOptions& /*options*/) {
  static const auto* rows =
      Rows<OptimizerOptions>(Optimizers(), [](const auto& info) { return info.defaults; });
  return *rows;
}

absl::Span<const NamedAlternative<Decay>> AlternativeRows(const Decay& /*decay*/) {
  static const auto* rows =
      Rows<Decay>(Schedules(), [](const auto& info) { return info.example.decay; });
  return *rows;
}

absl::Span<const NamedAlternative<LayerVariant>> AlternativeRows(const LayerVariant& /*layer*/) {
  static const auto* rows =
      Rows<LayerVariant>(Layers(), [](const auto& info) { return info.example; });
  return *rows;
}

absl::Span<const NamedAlternative<ActivationSpec>> AlternativeRows(
    const ActivationSpec& /*activation*/) {
  static const auto* rows =
      Rows<ActivationSpec>(Activations(), [](const auto& info) { return info.defaults; });
  return *rows;
}

absl::Span<const NamedAlternative<LossSpec>> AlternativeRows(const LossSpec& /*loss*/) {
  static const auto* rows =
      Rows<LossSpec>(Losses(), [](const auto& info) { return info.defaults; });
  return *rows;
}

}  // namespace descent::store
