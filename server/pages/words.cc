#include "server/pages/words.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/activations/kinds.h"
#include "core/layers/kinds.h"
#include "core/losses/kinds.h"
#include "core/optimizers/kinds.h"
#include "core/schedules/schedule.h"
#include "core/spec_fields.h"
#include "core/text_view.h"
#include "server/pages/numbers.h"

namespace descent::pages {
namespace {

constexpr std::size_t kMostLayers = 100;

// The parameters of a kind: names and values of those that are numbers or switches.
class Parameters {
 public:
  struct Parameter {
    std::string_view name;
    std::string value;
    bool operator==(const Parameter&) const = default;
  };

  void Field(std::string_view name, bool value) { Add(name, value ? "yes" : "no"); }
  void Field(std::string_view name, std::int64_t value) { Add(name, absl::StrCat(value)); }
  void Field(std::string_view name, std::uint64_t value) { Add(name, absl::StrCat(value)); }
  void Field(std::string_view name, double value) { Add(name, Real(value)); }
  // Specs are told in their own words.
  template <typename Spec>
  void Field(std::string_view /*name*/, const Spec& /*spec*/) {}
  template <typename Variant>
  void Alternative(const Variant& /*variant*/) {}

  const std::vector<Parameter>& all() const { return all_; }

 private:
  void Add(std::string_view name, std::string value) { all_.push_back({name, std::move(value)}); }

  std::vector<Parameter> all_;
};

template <typename Kind>
std::vector<Parameters::Parameter> ParametersOf(const Kind& kind) {
  Parameters parameters;
  Describe(parameters, kind);
  return parameters.all();
}

// " (beta1 0.8, amsgrad)": those that are not as by default.
template <typename Kind>
std::string ParametersInWords(const Kind& kind) {
  const auto values = ParametersOf(kind);
  const auto defaults = ParametersOf(Kind());
  std::vector<std::string> words;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == defaults[i]) continue;
    words.push_back(values[i].value == "yes"
                        ? std::string(values[i].name)
                        : absl::StrCat(View(values[i].name), " ", values[i].value));
  }
  return words.empty() ? "" : absl::StrCat(" (", absl::StrJoin(words, ", "), ")");
}

// A variant's alternative, by the row of its table.
template <typename Variant, typename Rows>
std::string KindInWords(const Variant& variant, const Rows& rows) {
  return absl::StrCat(
      View(rows[variant.index()].name),
      std::visit([](const auto& kind) { return ParametersInWords(kind); }, variant));
}

std::string LayerInWords(const LayerSpec& layer);

std::string LayersInWords(const std::vector<LayerSpec>& layers) {
  return absl::StrJoin(layers, " → ", [](std::string* out, const LayerSpec& layer) {
    absl::StrAppend(out, LayerInWords(layer));
  });
}

std::string LayerInWords(const LayerSpec& layer) {
  const LayerSpec::variant& kind = layer;
  if (const auto* dense = std::get_if<DenseSpec>(&kind)) {
    const bool is_identity = std::holds_alternative<IdentityActivation>(dense->activation);
    return absl::StrCat("dense ", dense->units,
                        is_identity ? "" : " " + KindInWords(dense->activation, Activations()),
                        dense->omit_bias ? " without bias" : "");
  }
  if (const auto* residual = std::get_if<ResidualSpec>(&kind)) {
    return absl::StrCat("residual [", LayersInWords(residual->layers), "]");
  }
  return KindInWords(kind, Layers());
}

// " and 2 categorical (color 100 × 8, shop 5,000 × 16)".
std::string CategoriesInWords(const std::vector<CategoricalInputSpec>& inputs) {
  constexpr std::size_t kMostInputs = 20;
  if (inputs.empty()) return "";
  std::vector<std::string> words;
  for (const CategoricalInputSpec& input : inputs) {
    if (words.size() == kMostInputs) {
      words.emplace_back("…");
      break;
    }
    words.push_back(absl::StrCat(input.name, " ", Count(input.buckets), " × ", input.dimension));
  }
  return absl::StrCat(" and ", inputs.size(), " categorical (", absl::StrJoin(words, ", "), ")");
}

}  // namespace

std::string NetworkInWords(const NetworkSpec& network) {
  std::vector<LayerSpec> shown = network.layers;
  if (shown.size() > kMostLayers) shown.resize(kMostLayers);
  return absl::StrCat(
      network.input_features, network.input_features == 1 ? " input" : " inputs",
      network.input_normalization.has_value()
          ? absl::StrCat(", normalised", ParametersInWords(*network.input_normalization))
          : "",
      CategoriesInWords(network.categorical_inputs), " → ", LayersInWords(shown),
      network.layers.size() > shown.size() ? absl::StrCat(" → … ", network.layers.size(), " layers")
                                           : "");
}

std::string LossInWords(const LossSpec& loss) { return KindInWords(loss, Losses()); }

std::string OptimizerInWords(const OptimizerSpec& optimizer) {
  std::string words = absl::StrCat(KindInWords(optimizer.algorithm, Optimizers()),
                                   ", learning rate ", Real(optimizer.learning_rate));
  const ScheduleSpec& schedule = optimizer.schedule;
  if (!std::holds_alternative<ConstantSchedule>(schedule.decay)) {
    absl::StrAppend(&words, ", ", KindInWords(schedule.decay, Schedules()));
  }
  if (schedule.warmup_steps > 0) {
    absl::StrAppend(&words, ", warm-up of ", Count(schedule.warmup_steps), " steps");
  }
  if (optimizer.clip_norm.has_value()) {
    absl::StrAppend(&words, ", norm clipped at ", Real(*optimizer.clip_norm));
  }
  if (optimizer.clip_value.has_value()) {
    absl::StrAppend(&words, ", values clipped at ", Real(*optimizer.clip_value));
  }
  if (optimizer.exclude_bias_from_weight_decay) {
    absl::StrAppend(&words, ", no weight decay of biases");
  }
  return words;
}

}  // namespace descent::pages
