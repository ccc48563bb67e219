#include "core/optimizers/kinds.h"

#include <cmath>
#include <iterator>
#include <optional>
#include <string_view>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/optimizers/adadelta.h"
#include "core/optimizers/adagrad.h"
#include "core/optimizers/adam.h"
#include "core/optimizers/adamw.h"
#include "core/optimizers/ftrl.h"
#include "core/optimizers/lion.h"
#include "core/optimizers/nadam.h"
#include "core/optimizers/rmsprop.h"
#include "core/optimizers/sgd.h"
#include "core/schedules/schedule.h"
#include "core/status_macros.h"

namespace descent {
namespace {

using MadeOptimizer = absl::StatusOr<std::unique_ptr<Optimizer>>;

// The maker of one kind of options as a maker of the variant's alternative.
template <typename Options, MadeOptimizer (*kMake)(const Options&)>
MadeOptimizer Make(const OptimizerOptions& options) {
  return kMake(std::get<Options>(options));
}

constexpr OptimizerInfo kOptimizers[] = {
    {"sgd", SgdOptions{}, 1e-2, Make<SgdOptions, optimizers::MakeSgd>},
    {"adam", AdamOptions{}, 1e-3, Make<AdamOptions, optimizers::MakeAdam>},
    {"adamw", AdamWOptions{}, 1e-3, Make<AdamWOptions, optimizers::MakeAdamW>},
    {"rmsprop", RmsPropOptions{}, 1e-2, Make<RmsPropOptions, optimizers::MakeRmsProp>},
    {"adagrad", AdagradOptions{}, 1e-2, Make<AdagradOptions, optimizers::MakeAdagrad>},
    {"adadelta", AdadeltaOptions{}, 1.0, Make<AdadeltaOptions, optimizers::MakeAdadelta>},
    {"nadam", NadamOptions{}, 2e-3, Make<NadamOptions, optimizers::MakeNadam>},
    {"lion", LionOptions{}, 1e-4, Make<LionOptions, optimizers::MakeLion>},
    {"ftrl", FtrlOptions{}, 1e-1, Make<FtrlOptions, optimizers::MakeFtrl>},
};
static_assert(std::size(kOptimizers) == std::variant_size_v<OptimizerOptions>);

absl::Status CheckPositive(std::string_view field, std::optional<double> value) {
  if (!value.has_value() || (*value > 0 && std::isfinite(*value))) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("expected a finite number > 0, got ", *value));
}

}  // namespace

absl::Span<const OptimizerInfo> Optimizers() { return kOptimizers; }

const OptimizerInfo& GetOptimizerInfo(const OptimizerOptions& options) {
  return kOptimizers[options.index()];
}

absl::StatusOr<std::unique_ptr<Optimizer>> MakeOptimizer(const OptimizerOptions& options) {
  return GetOptimizerInfo(options).make(options);
}

absl::Status ValidateOptimizerSpec(const OptimizerSpec& spec) {
  if (!(spec.learning_rate >= 0 && std::isfinite(spec.learning_rate))) {
    return InvalidField("learning_rate",
                        absl::StrCat("expected a finite number >= 0, got ", spec.learning_rate));
  }
  const absl::Status algorithm = MakeOptimizer(spec.algorithm).status();
  if (!algorithm.ok()) return WithFieldPrefix(algorithm, GetOptimizerInfo(spec.algorithm).name);
  const absl::Status schedule = ValidateSchedule(spec.schedule);
  if (!schedule.ok()) return WithFieldPrefix(schedule, "schedule");
  const auto* cosine = std::get_if<CosineSchedule>(&spec.schedule.decay);
  if (cosine != nullptr && cosine->minimum_learning_rate > spec.learning_rate) {
    return InvalidField("schedule.cosine.minimum_learning_rate",
                        absl::StrCat("expected at most learning_rate ", spec.learning_rate,
                                     ", got ", cosine->minimum_learning_rate));
  }
  RETURN_IF_ERROR(CheckPositive("clip_norm", spec.clip_norm));
  return CheckPositive("clip_value", spec.clip_value);
}

}  // namespace descent
