// Learning-rate schedules: functions of the step alone, so that a restart goes on where it was.
//
// With s the updates applied so far (0 for the first update), W warmup_steps and s' = s - W:
//
//   s < W           base * (s + 1) / (W + 1), whatever the decay
//   constant        base
//   step            base * gamma^floor(s' / step_size)
//   exponential     base * gamma^s'
//   cosine          min + (base - min) (1 + cos(π c / C)) / 2, c steps into a cycle of C steps; the
//                   first cycle has `period` steps, each further one period_multiplier times as
//                   many (Loshchilov & Hutter 2017, arXiv:1608.03983)
//   inverse time    base / (1 + decay_rate * s' / decay_steps)

#ifndef CORE_SCHEDULES_SCHEDULE_H_
#define CORE_SCHEDULES_SCHEDULE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/spec.h"

namespace descent {

struct ScheduleInfo {
  std::string_view name;  // "cosine"
  ScheduleSpec example;   // a valid schedule of the kind, for suites
};

// Row i describes alternative i of ScheduleSpec::decay.
absl::Span<const ScheduleInfo> Schedules();

// kInvalidArgument naming the field ("cosine.period").
absl::Status ValidateSchedule(const ScheduleSpec& spec);

// The rate of the update that follows `steps` applied ones. Requires a valid spec, steps >= 0.
double LearningRateAt(const ScheduleSpec& spec, double base, std::int64_t steps);

}  // namespace descent

#endif  // CORE_SCHEDULES_SCHEDULE_H_
