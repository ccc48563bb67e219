#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <variant>

#include "core/schedules/schedule.h"
#include "gtest/gtest.h"
#include "tests/support/golden.h"
#include "tests/support/golden_options.h"
#include "tests/support/status_matchers.h"

namespace descent {
namespace {

using testing::FailsAt;
using testing::GoldenCases;
using testing::IsGolden;
using testing::IsOk;
using testing::Json;
using testing::OptionReader;

ScheduleSpec ScheduleOf(const std::string& name) {
  for (const ScheduleInfo& info : Schedules()) {
    if (info.name == name) return info.example;
  }
  ADD_FAILURE() << "no schedule " << name;
  return {};
}

TEST(ScheduleGoldenTest, RatesArePyTorchs) {
  std::set<std::string> seen;
  for (const Json& golden : GoldenCases("schedules")) {
    const auto name = golden.at("name").get<std::string>();
    seen.insert(name);
    ScheduleSpec spec = ScheduleOf(name);
    std::visit(
        [&](auto& decay) {
          decay = {};
          OptionReader reader(golden.at("options"));
          Describe(reader, decay);
        },
        spec.decay);
    spec.warmup_steps = golden.at("warmup_steps");
    ASSERT_THAT(ValidateSchedule(spec), IsOk());
    for (std::size_t step = 0; step < golden.at("rates").size(); ++step) {
      EXPECT_TRUE(IsGolden(LearningRateAt(spec, golden.at("base"), static_cast<std::int64_t>(step)),
                           golden.at("rates").at(step)))
          << name << " at step " << step;
    }
  }
  EXPECT_EQ(seen.size(), Schedules().size());
}

TEST(ScheduleTest, RatesStayFiniteAndPositiveForEver) {
  for (const ScheduleInfo& info : Schedules()) {
    EXPECT_THAT(ValidateSchedule(info.example), IsOk()) << info.name;
    for (const std::int64_t steps : {std::int64_t{1'000'000}, std::int64_t{1} << 40,
                                     std::numeric_limits<std::int64_t>::max() - 1}) {
      const double rate = LearningRateAt(info.example, 0.1, steps);
      EXPECT_GE(rate, 0) << info.name;
      EXPECT_LE(rate, 0.1) << info.name;
    }
  }
}

TEST(ScheduleTest, RefusesWhatHasNoMeaning) {
  const auto refuses = [](const ScheduleSpec& spec, const char* field) {
    EXPECT_THAT(ValidateSchedule(spec), FailsAt(field, "INVALID_FIELD"));
  };
  refuses({.decay = StepSchedule{.step_size = 0}}, "step.step_size");
  refuses({.decay = StepSchedule{.step_size = 1, .gamma = 0}}, "step.gamma");
  refuses({.decay = ExponentialSchedule{.gamma = -1}}, "exponential.gamma");
  refuses({.decay = CosineSchedule{.period = 0}}, "cosine.period");
  refuses({.decay = CosineSchedule{.period = 1, .period_multiplier = 0}},
          "cosine.period_multiplier");
  refuses({.decay = CosineSchedule{.period = 1, .minimum_learning_rate = -1}},
          "cosine.minimum_learning_rate");
  refuses({.decay = InverseTimeSchedule{.decay_steps = 0, .decay_rate = 1}},
          "inverse_time.decay_steps");
  refuses({.decay = InverseTimeSchedule{.decay_steps = 1, .decay_rate = -1}},
          "inverse_time.decay_rate");
  refuses({.decay = ConstantSchedule{}, .warmup_steps = -1}, "warmup_steps");
}

}  // namespace
}  // namespace descent
