#include "core/schedules/schedule.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/kernels/portable_math.h"
#include "core/status_macros.h"

namespace descent {
namespace {

absl::Status AtLeastOne(std::string_view field, std::int64_t value) {
  if (value >= 1) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("expected at least 1, got ", value));
}

absl::Status NotNegative(std::string_view field, double value) {
  if (std::isfinite(value) && value >= 0) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("expected a finite number >= 0, got ", value));
}

absl::Status Positive(std::string_view field, double value) {
  if (std::isfinite(value) && value > 0) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("expected a finite number > 0, got ", value));
}

absl::Status Validate(const ConstantSchedule&) { return absl::OkStatus(); }

double Rate(const ConstantSchedule&, double base, std::int64_t) { return base; }

absl::Status Validate(const StepSchedule& schedule) {
  RETURN_IF_ERROR(AtLeastOne("step.step_size", schedule.step_size));
  return Positive("step.gamma", schedule.gamma);
}

double Rate(const StepSchedule& schedule, double base, std::int64_t steps) {
  const std::int64_t drops = steps / schedule.step_size;
  return base * portable::Power(schedule.gamma, drops);
}

absl::Status Validate(const ExponentialSchedule& schedule) {
  return Positive("exponential.gamma", schedule.gamma);
}

double Rate(const ExponentialSchedule& schedule, double base, std::int64_t steps) {
  return base * portable::Power(schedule.gamma, steps);
}

absl::Status Validate(const CosineSchedule& schedule) {
  RETURN_IF_ERROR(AtLeastOne("cosine.period", schedule.period));
  RETURN_IF_ERROR(AtLeastOne("cosine.period_multiplier", schedule.period_multiplier));
  return NotNegative("cosine.minimum_learning_rate", schedule.minimum_learning_rate);
}

double Rate(const CosineSchedule& schedule, double base, std::int64_t steps) {
  // The cycle that `steps` falls into, and how far into it.
  std::int64_t period = schedule.period;
  if (schedule.period_multiplier == 1) {
    steps %= period;
  } else {
    while (steps >= period) {
      steps -= period;
      // A cycle longer than all steps that can be counted has no end.
      std::int64_t longer = 0;
      period = __builtin_mul_overflow(period, schedule.period_multiplier, &longer)
                   ? std::numeric_limits<std::int64_t>::max()
                   : longer;
    }
  }
  const double phase = std::numbers::pi * static_cast<double>(steps) / static_cast<double>(period);
  const double low = schedule.minimum_learning_rate;
  return low + (base - low) * (1 + portable::Cos(phase)) / 2;
}

absl::Status Validate(const InverseTimeSchedule& schedule) {
  RETURN_IF_ERROR(AtLeastOne("inverse_time.decay_steps", schedule.decay_steps));
  return NotNegative("inverse_time.decay_rate", schedule.decay_rate);
}

double Rate(const InverseTimeSchedule& schedule, double base, std::int64_t steps) {
  return base / (1 + schedule.decay_rate * static_cast<double>(steps) /
                         static_cast<double>(schedule.decay_steps));
}

}  // namespace

absl::Span<const ScheduleInfo> Schedules() {
  static const ScheduleInfo kSchedules[] = {
      {"constant", {.decay = ConstantSchedule{}}},
      {"step", {.decay = StepSchedule{.step_size = 5, .gamma = 0.5}}},
      {"exponential", {.decay = ExponentialSchedule{.gamma = 0.9}}},
      {"cosine",
       {.decay =
            CosineSchedule{.period = 4, .period_multiplier = 2, .minimum_learning_rate = 1e-4}}},
      {"inverse_time", {.decay = InverseTimeSchedule{.decay_steps = 3, .decay_rate = 0.5}}},
  };
  return kSchedules;
}

absl::Status ValidateSchedule(const ScheduleSpec& spec) {
  if (spec.warmup_steps < 0) {
    return InvalidField("warmup_steps", absl::StrCat("expected >= 0, got ", spec.warmup_steps));
  }
  return std::visit([](const auto& decay) { return Validate(decay); }, spec.decay);
}

double LearningRateAt(const ScheduleSpec& spec, double base, std::int64_t steps) {
  if (steps < spec.warmup_steps) {
    return base * static_cast<double>(steps + 1) / static_cast<double>(spec.warmup_steps + 1);
  }
  return std::visit([&](const auto& decay) { return Rate(decay, base, steps - spec.warmup_steps); },
                    spec.decay);
}

}  // namespace descent
