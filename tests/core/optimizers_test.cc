// Every optimizer of the table: PyTorch's trajectories, bits, gaps between tensors, finiteness.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/optimizers/kinds.h"
#include "core/optimizers/state_bounds.h"
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
using testing::OptimizerOf;

// An optimizer with the state that a trainer would keep for `n` parameters.
template <typename T>
class Trajectory {
 public:
  Trajectory(const OptimizerOptions& options, std::vector<T> parameters)
      : parameters_(std::move(parameters)) {
    auto made = MakeOptimizer(options);
    EXPECT_TRUE(made.ok()) << made.status();
    optimizer_ = *std::move(made);
    for (std::size_t i = 0; i < optimizer_->slot_names().size(); ++i) {
      slots_.emplace_back(parameters_.size(),
                          static_cast<T>(optimizer_->InitialSlotValue(static_cast<int>(i))));
    }
    for (std::size_t i = 0; i < optimizer_->scalar_names().size(); ++i) {
      scalars_.push_back(optimizer_->InitialScalarValue(static_cast<int>(i)));
    }
  }

  const Optimizer& optimizer() const { return *optimizer_; }
  std::vector<T>& parameters() { return parameters_; }
  std::vector<std::vector<T>>& slots() { return slots_; }
  std::vector<double>& scalars() { return scalars_; }
  StepContext& step() { return step_; }

  // One update of all elements in pieces of at most `piece`.
  Magnitudes Step(const std::vector<T>& gradient, bool decay_weights = true,
                  std::size_t piece = std::numeric_limits<std::size_t>::max()) {
    optimizer_->AdvanceScalars(step_, scalars_);
    std::vector<T> updated(parameters_.size() + 1, T(42));
    Magnitudes largest;
    for (std::size_t begin = 0; begin < parameters_.size(); begin += piece) {
      const std::size_t n = std::min(piece, parameters_.size() - begin);
      std::vector<T*> slots;
      for (auto& slot : slots_) slots.push_back(slot.data() + begin);
      const UpdateRange<T> range{.parameters = parameters_.data() + begin,
                                 .gradient = gradient.data() + begin,
                                 .new_parameters = updated.data() + begin,
                                 .slots = slots.data(),
                                 .n = static_cast<std::int64_t>(n),
                                 .decay_weights = decay_weights};
      const Magnitudes part = optimizer_->Update(step_, scalars_, range);
      // A NaN is larger than anything.
      if (!(part.parameters <= largest.parameters)) largest.parameters = part.parameters;
      if (!(part.slots <= largest.slots)) largest.slots = part.slots;
    }
    EXPECT_EQ(updated.back(), T(42));
    updated.pop_back();
    parameters_ = std::move(updated);
    ++step_.t;
    return largest;
  }

 private:
  std::unique_ptr<Optimizer> optimizer_;
  StepContext step_;
  std::vector<T> parameters_;
  std::vector<std::vector<T>> slots_;
  std::vector<double> scalars_;
};

template <typename T>
std::vector<T> Normals(std::size_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<T> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(static_cast<T>(normal(random)));
  return values;
}

TEST(OptimizerGoldenTest, TrajectoriesArePyTorchs) {
  const Json cases = GoldenCases("optimizers");
  const auto start = cases.at(0).at("start").get<std::vector<double>>();
  const auto gradients = cases.at(0).at("gradients").get<std::vector<std::vector<double>>>();
  std::set<std::string> seen;
  for (std::size_t c = 1; c < cases.size(); ++c) {
    const Json& golden = cases.at(c);
    const auto name = golden.at("name").get<std::string>();
    seen.insert(name);
    const OptimizerOptions options = OptimizerOf(name, golden.at("options"));
    Trajectory<double> run(options, start);
    Trajectory<float> narrow(options, {start.begin(), start.end()});
    for (std::size_t t = 0; t < gradients.size(); ++t) {
      const std::vector<double>& gradient = gradients[t];
      run.step().learning_rate = golden.at("learning_rates").at(t);
      if (golden.contains("clip_norm")) {
        double squares = 0;
        for (const double g : gradient) squares += g * g;
        run.step().gradient_scale =
            std::min(1.0, golden.at("clip_norm").get<double>() / (std::sqrt(squares) + 1e-6));
        run.step().clip_value = golden.at("clip_value");
      }
      narrow.step() = run.step();
      run.Step(gradient);
      narrow.Step({gradient.begin(), gradient.end()});
      for (std::size_t i = 0; i < start.size(); ++i) {
        const double expected = golden.at("parameters").at(t).at(i);
        EXPECT_TRUE(IsGolden(run.parameters()[i], expected))
            << name << golden.at("options") << " t " << t + 1 << " parameter " << i;
        EXPECT_NEAR(narrow.parameters()[i], expected, 2e-5 * std::max(1.0, std::abs(expected)))
            << name << golden.at("options") << " in float32, t " << t + 1;
      }
    }
  }
  EXPECT_EQ(seen.size(), Optimizers().size());
}

// The table's defaults and one set of options that turns everything on.
struct Case {
  std::string name;
  OptimizerOptions options;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const OptimizerInfo& info : Optimizers()) {
    cases.push_back({std::string(info.name), info.defaults});
  }
  cases.push_back({"sgd_all", SgdOptions{.momentum = 0.9, .nesterov = true, .weight_decay = 0.1}});
  cases.push_back({"sgd_momentum", SgdOptions{.momentum = 0.5}});
  cases.push_back({"adam_all", AdamOptions{.weight_decay = 0.1, .amsgrad = true}});
  cases.push_back({"adamw_all", AdamWOptions{.weight_decay = 0.3, .amsgrad = true}});
  cases.push_back(
      {"rmsprop_all", RmsPropOptions{.momentum = 0.9, .centered = true, .weight_decay = 0.1}});
  cases.push_back({"rmsprop_centered", RmsPropOptions{.centered = true}});
  cases.push_back(
      {"adagrad_all",
       AdagradOptions{.initial_accumulator_value = 0.5, .lr_decay = 0.1, .weight_decay = 0.1}});
  cases.push_back({"adadelta_all", AdadeltaOptions{.weight_decay = 0.1}});
  cases.push_back({"nadam_all", NadamOptions{.momentum_decay = 0.2, .weight_decay = 0.1}});
  cases.push_back({"lion_all", LionOptions{.weight_decay = 0.1}});
  cases.push_back({"ftrl_all", FtrlOptions{.beta = 0.1, .l1 = 0.3, .l2 = 0.2}});
  return cases;
}

class OptimizerTest : public ::testing::TestWithParam<Case> {
 protected:
  template <typename T>
  void ExpectSameBitsInPieces();
  template <typename T>
  void ExpectPeaks();
};

template <typename T>
void OptimizerTest::ExpectSameBitsInPieces() {
  constexpr std::size_t kCount = 75;
  const std::vector<T> start = Normals<T>(kCount, 1);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{16}}) {
    Trajectory<T> whole(GetParam().options, start);
    Trajectory<T> pieces(GetParam().options, start);
    for (std::uint64_t t = 0; t < 4; ++t) {
      const std::vector<T> gradient = Normals<T>(kCount, 2 + t);
      for (Trajectory<T>* run : {&whole, &pieces}) {
        run->step().learning_rate = 0.03;
        run->step().gradient_scale = 0.7;
        run->step().clip_value = 0.9;
      }
      whole.Step(gradient);
      pieces.Step(gradient, /*decay_weights=*/true, piece);
      ASSERT_EQ(whole.parameters(), pieces.parameters()) << piece;
      ASSERT_EQ(whole.slots(), pieces.slots()) << piece;
    }
  }
}

TEST_P(OptimizerTest, BitsDoNotDependOnPosition) {
  ExpectSameBitsInPieces<float>();
  ExpectSameBitsInPieces<double>();
}

TEST_P(OptimizerTest, MayWriteOverTheOldParametersOrTheGradient) {
  const std::vector<float> gradient = Normals<float>(21, 2);
  Trajectory<float> expected(GetParam().options, Normals<float>(21, 1));
  expected.step().learning_rate = 0.01;
  expected.Step(gradient);
  for (const bool over_gradient : {false, true}) {
    Trajectory<float> run(GetParam().options, Normals<float>(21, 1));
    run.step().learning_rate = 0.01;
    run.optimizer().AdvanceScalars(run.step(), run.scalars());
    std::vector<float> own_gradient = gradient;
    std::vector<float>& written = over_gradient ? own_gradient : run.parameters();
    std::vector<float*> slots;
    for (auto& slot : run.slots()) slots.push_back(slot.data());
    run.optimizer().Update(run.step(), run.scalars(),
                           UpdateRange<float>{.parameters = run.parameters().data(),
                                              .gradient = own_gradient.data(),
                                              .new_parameters = written.data(),
                                              .slots = slots.data(),
                                              .n = 21});
    EXPECT_EQ(written, expected.parameters()) << over_gradient;
  }
}

// The gaps between tensors: no parameter, no gradient.
TEST_P(OptimizerTest, ZeroStaysZero) {
  Trajectory<float> run(GetParam().options, std::vector<float>(19, 0.0F));
  for (int t = 0; t < 50; ++t) {
    run.step().learning_rate = 0.1;
    const Magnitudes magnitudes = run.Step(std::vector<float>(19, 0.0F));
    EXPECT_EQ(magnitudes.parameters, 0);
    EXPECT_TRUE(std::isfinite(magnitudes.slots));
  }
  for (const float p : run.parameters()) EXPECT_EQ(p, 0);
}

TEST_P(OptimizerTest, WithoutALearningRateParametersStay) {
  const std::vector<double> start = Normals<double>(9, 1);
  Trajectory<double> run(GetParam().options, start);
  for (std::uint64_t t = 0; t < 3; ++t) run.Step(Normals<double>(9, t));
  EXPECT_EQ(run.parameters(), start);
}

TEST_P(OptimizerTest, RangesWithoutDecayIgnoreIt) {
  OptimizerOptions none = GetParam().options;
  std::visit(
      [](auto& options) {
        if constexpr (requires { options.weight_decay; }) options.weight_decay = 0;
        if constexpr (requires { options.l1; }) options.l1 = options.l2 = 0;
      },
      none);
  Trajectory<double> exempt(GetParam().options, Normals<double>(9, 1));
  Trajectory<double> without(none, Normals<double>(9, 1));
  for (std::uint64_t t = 0; t < 5; ++t) {
    exempt.step().learning_rate = without.step().learning_rate = 0.05;
    exempt.Step(Normals<double>(9, 2 + t), /*decay_weights=*/false);
    without.Step(Normals<double>(9, 2 + t));
    EXPECT_EQ(exempt.parameters(), without.parameters());
  }
}

TEST_P(OptimizerTest, TheGradientIsScaledThenClamped) {
  Trajectory<double> scaled(GetParam().options, Normals<double>(33, 1));
  Trajectory<double> plain(GetParam().options, Normals<double>(33, 1));
  scaled.step().gradient_scale = 0.25;
  scaled.step().clip_value = 0.3;
  for (std::uint64_t t = 0; t < 3; ++t) {
    std::vector<double> gradient = Normals<double>(33, 2 + t);
    scaled.step().learning_rate = plain.step().learning_rate = 0.1;
    scaled.Step(gradient);
    for (double& g : gradient) g = std::clamp(0.25 * g, -0.3, 0.3);
    plain.Step(gradient);
    EXPECT_EQ(scaled.parameters(), plain.parameters());
  }
}

template <typename T>
void OptimizerTest::ExpectPeaks() {
  constexpr std::size_t kCount = 37;
  const auto largest = [](const std::vector<T>& values) {
    T peak = 0;
    for (const T value : values) peak = std::max(peak, std::abs(value));
    return static_cast<double>(peak);
  };
  Trajectory<T> run(GetParam().options, Normals<T>(kCount, 1));
  run.step().learning_rate = 0.1;
  for (std::uint64_t t = 0; t < 3; ++t) {
    const Magnitudes magnitudes = run.Step(Normals<T>(kCount, 2 + t));
    EXPECT_EQ(magnitudes.parameters, largest(run.parameters()));
    double slots = 0;
    for (const auto& slot : run.slots()) slots = std::max(slots, largest(slot));
    EXPECT_EQ(magnitudes.slots, slots);
  }
  // What is not finite is seen wherever it is and whatever follows it.
  for (const std::size_t place : {std::size_t{0}, std::size_t{5}, kCount - 1}) {
    for (const T poison : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity(),
                           -std::numeric_limits<T>::infinity()}) {
      Trajectory<T> poisoned(GetParam().options, Normals<T>(kCount, 1));
      poisoned.step().learning_rate = 0.1;
      std::vector<T> gradient = Normals<T>(kCount, 2);
      gradient[place] = poison;
      const Magnitudes magnitudes = poisoned.Step(gradient);
      EXPECT_FALSE(std::isfinite(magnitudes.parameters) && std::isfinite(magnitudes.slots));
    }
  }
}

TEST_P(OptimizerTest, ReportsTheLargestValuesAndWhatIsNotFinite) {
  ExpectPeaks<float>();
  ExpectPeaks<double>();
}

// Where the optimizer promises finite numbers, updates that reach every bound keep the promise.
TEST_P(OptimizerTest, KeepsItsPromiseToStayFinite) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> exponent(-25, 38.4);
  int promises = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    const auto draw = [&] {
      return static_cast<double>(static_cast<float>(std::pow(10, exponent(random))));
    };
    Trajectory<float> run(GetParam().options, {});
    const bool ordinary = trial < 10;
    UpdateBounds bounds{.parameters = ordinary ? 20 : draw(),
                        .slots = ordinary ? 50 : draw(),
                        .gradient = ordinary ? 100 : draw(),
                        .learning_rate = ordinary ? 0.5 : draw() * draw()};
    run.step().t = 1 + trial % 3;
    run.step().learning_rate = bounds.learning_rate;
    if (!run.optimizer().StaysFinite(bounds)) {
      EXPECT_FALSE(ordinary) << "an ordinary update should need no copy of its state";
      continue;
    }
    ++promises;
    // Every combination of bounds and zeros; slots that are sums of squares are not negative.
    std::vector<float> gradient;
    const auto slot_count = run.slots().size();
    std::vector<std::vector<float>> slots(slot_count);
    for (unsigned mask = 0; mask < (9U << (2 * slot_count)); ++mask) {
      unsigned rest = mask;
      const auto pick = [&](unsigned choices, double bound) {
        const unsigned choice = rest % choices;
        rest /= choices;
        return static_cast<float>(choice == 0 ? bound : choice == 1 ? 0 : -bound);
      };
      run.parameters().push_back(pick(3, bounds.parameters));
      gradient.push_back(pick(3, bounds.gradient));
      for (std::size_t i = 0; i < slot_count; ++i) {
        const std::string_view name = run.optimizer().slot_names()[i];
        const bool is_signed =
            name == "exp_avg" || name == "momentum_buffer" || name == "grad_avg" || name == "z";
        slots[i].push_back(pick(is_signed ? 3 : 2, bounds.slots));
      }
    }
    run.slots() = slots;
    const Magnitudes magnitudes = run.Step(gradient);
    ASSERT_TRUE(std::isfinite(magnitudes.parameters) && std::isfinite(magnitudes.slots))
        << "|p| " << bounds.parameters << " |s| " << bounds.slots << " |g| " << bounds.gradient
        << " lr " << bounds.learning_rate;
  }
  EXPECT_GT(promises, 50);
}

INSTANTIATE_TEST_SUITE_P(Kinds, OptimizerTest, ::testing::ValuesIn(Cases()),
                         [](const auto& test) { return test.param.name; });

// FTRL goes on from the parameter it is given, whatever rate or hand it came from.
TEST(FtrlTest, AChangeOfTheRateAloneMovesNothing) {
  Trajectory<double> run(FtrlOptions{.l1 = 0.1, .l2 = 0.1}, Normals<double>(9, 1));
  run.step().learning_rate = 0.1;
  run.Step(Normals<double>(9, 2));
  const std::vector<double> before = run.parameters();
  run.step().learning_rate = 0.01;
  run.Step(std::vector<double>(9, 0.0));
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_NEAR(run.parameters()[i], before[i], 1e-14);
  }
}

TEST(FtrlTest, GoesOnFromParametersThatWereSet) {
  Trajectory<double> run(FtrlOptions{.l1 = 0.1}, Normals<double>(9, 1));
  run.step().learning_rate = 0.1;
  run.Step(Normals<double>(9, 2));
  const std::vector<double> set = {0, 1, -2, 0, 3, -4, 0, 5, -6};
  run.parameters() = set;
  run.Step(std::vector<double>(9, 0.0));
  for (std::size_t i = 0; i < set.size(); ++i) EXPECT_NEAR(run.parameters()[i], set[i], 1e-14);
}

TEST(OptimizerKindsTest, RefusesHyperparametersOutOfRange) {
  const auto refuses = [](const OptimizerOptions& options, const char* field) {
    EXPECT_THAT(MakeOptimizer(options), FailsAt(field, "INVALID_FIELD"));
  };
  refuses(SgdOptions{.momentum = 1}, "momentum");
  refuses(SgdOptions{.weight_decay = 1e31}, "weight_decay");
  refuses(SgdOptions{.nesterov = true}, "nesterov");
  refuses(AdamOptions{.beta1 = 1}, "beta1");
  refuses(AdamOptions{.beta2 = -0.1}, "beta2");
  refuses(AdamOptions{.epsilon = 0}, "epsilon");
  refuses(AdamWOptions{.weight_decay = std::numeric_limits<double>::infinity()}, "weight_decay");
  refuses(RmsPropOptions{.alpha = std::numeric_limits<double>::quiet_NaN()}, "alpha");
  refuses(RmsPropOptions{.momentum = 2}, "momentum");
  refuses(AdagradOptions{.initial_accumulator_value = -1}, "initial_accumulator_value");
  refuses(AdagradOptions{.lr_decay = -1}, "lr_decay");
  refuses(AdadeltaOptions{.rho = 1}, "rho");
  refuses(NadamOptions{.momentum_decay = -1}, "momentum_decay");
  refuses(LionOptions{.beta2 = 1}, "beta2");
  refuses(FtrlOptions{.beta = 0}, "beta");
  refuses(FtrlOptions{.l1 = -1}, "l1");
  refuses(FtrlOptions{.l2 = -1}, "l2");
}

TEST(OptimizerKindsTest, SpecsAreCheckedFieldByField) {
  OptimizerSpec good;
  good.learning_rate = 0.1;
  good.algorithm = AdamOptions{};
  EXPECT_THAT(ValidateOptimizerSpec(good), IsOk());
  OptimizerSpec bad = good;
  bad.learning_rate = -1;
  EXPECT_THAT(ValidateOptimizerSpec(bad), FailsAt("learning_rate", "INVALID_FIELD"));
  bad = good;
  bad.algorithm = AdamOptions{.beta1 = 1};
  EXPECT_THAT(ValidateOptimizerSpec(bad), FailsAt("adam.beta1", "INVALID_FIELD"));
  bad = good;
  bad.schedule.decay = CosineSchedule{};
  EXPECT_THAT(ValidateOptimizerSpec(bad), FailsAt("schedule.cosine.period", "INVALID_FIELD"));
  bad.schedule.decay = CosineSchedule{.period = 5, .minimum_learning_rate = 0.2};
  EXPECT_THAT(ValidateOptimizerSpec(bad),
              FailsAt("schedule.cosine.minimum_learning_rate", "INVALID_FIELD"));
  bad = good;
  bad.clip_norm = 0;
  EXPECT_THAT(ValidateOptimizerSpec(bad), FailsAt("clip_norm", "INVALID_FIELD"));
  bad = good;
  bad.clip_value = -1;
  EXPECT_THAT(ValidateOptimizerSpec(bad), FailsAt("clip_value", "INVALID_FIELD"));
}

// What a trainer makes of the state lies within its bounds, and where those are tight it comes
// close: so a slot of squares that is not known as one is noticed here.
TEST(OptimizerState, StaysWithinItsBounds) {
  constexpr std::size_t kElements = 40;
  for (const OptimizerInfo& info : Optimizers()) {
    std::vector<OptimizerOptions> variants = {info.defaults};
    if (std::holds_alternative<SgdOptions>(info.defaults)) {
      variants.push_back(SgdOptions{.momentum = 0.9});
    } else if (std::holds_alternative<AdamOptions>(info.defaults)) {
      variants.push_back(AdamOptions{.amsgrad = true});
    } else if (std::holds_alternative<RmsPropOptions>(info.defaults)) {
      variants.push_back(RmsPropOptions{.momentum = 0.5, .centered = true});
    }
    for (const OptimizerOptions& options : variants) {
      Trajectory<double> trajectory(options, std::vector<double>(kElements, 0.5));
      trajectory.step().learning_rate = 0.01;
      const auto slot_names = trajectory.optimizer().slot_names();
      const auto scalar_names = trajectory.optimizer().scalar_names();
      std::vector<double> least(slot_names.size(), 0);
      std::mt19937_64 random(7);
      std::normal_distribution<double> normal;
      for (int step = 0; step < 50; ++step) {
        std::vector<double> gradient(kElements);
        for (double& g : gradient) g = normal(random);
        trajectory.Step(gradient);
        for (std::size_t slot = 0; slot < slot_names.size(); ++slot) {
          for (const double value : trajectory.slots()[slot]) {
            EXPECT_TRUE(BoundsOfState(slot_names[slot]).Contain(value))
                << info.name << " " << slot_names[slot] << " " << value;
            least[slot] = std::min(least[slot], value);
          }
        }
        for (std::size_t scalar = 0; scalar < scalar_names.size(); ++scalar) {
          const StateBounds bounds = BoundsOfState(scalar_names[scalar]);
          EXPECT_TRUE(bounds.Contain(trajectory.scalars()[scalar])) << scalar_names[scalar];
          EXPECT_LE(bounds.most, 1) << scalar_names[scalar] << ": its bounds are not known";
        }
      }
      for (std::size_t slot = 0; slot < slot_names.size(); ++slot) {
        EXPECT_EQ(BoundsOfState(slot_names[slot]).least < 0, least[slot] < 0)
            << info.name << " " << slot_names[slot];
      }
    }
  }
  EXPECT_FALSE(BoundsOfState("exp_avg").Contain(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(BoundsOfState("exp_avg").Contain(std::numeric_limits<double>::infinity()));
}

}  // namespace
}  // namespace descent
