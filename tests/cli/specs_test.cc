#include "client/cli/specs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/cli/failure.h"
#include "tests/cli/message.h"

namespace descent::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST(SpecsTest, KnowsEveryKindOfTheContract) {
  for (int kind = 1; kind < v1::ActivationKind_ARRAYSIZE; ++kind) {
    const auto expected = static_cast<v1::ActivationKind>(kind);
    EXPECT_EQ(ParseActivation(NameOf(expected))->kind(), expected);
    EXPECT_THAT(ActivationNames(), HasSubstr(NameOf(expected)));
  }
  for (int kind = 1; kind < v1::LossKind_ARRAYSIZE; ++kind) {
    const auto expected = static_cast<v1::LossKind>(kind);
    EXPECT_EQ(ParseLoss(NameOf(expected))->kind(), expected);
    EXPECT_THAT(LossNames(), HasSubstr(NameOf(expected)));
  }
}

TEST(SpecsTest, KnowsEveryOptimizerOfTheContract) {
  const auto* algorithms = v1::OptimizerSpec::descriptor()->FindOneofByName("algorithm");
  for (int i = 0; i < algorithms->field_count(); ++i) {
    const std::string name(algorithms->field(i)->name());
    EXPECT_EQ(NameOf(ParseOptimizer(name).value()), name);
    EXPECT_THAT(OptimizerNames(), HasSubstr(name));
  }
}

TEST(SpecsTest, ReadsHyperparameters) {
  EXPECT_EQ(ParseActivation("leaky_relu:alpha=0.2")->alpha(), 0.2);
  EXPECT_EQ(ParseLoss("huber:delta=2")->delta(), 2);
  EXPECT_EQ(ParseInitializer("constant:scale=-1e-3")->scale(), -1e-3);
  const v1::OptimizerSpec sgd = ParseOptimizer("sgd:momentum=0.9,nesterov=true").value();
  EXPECT_EQ(sgd.sgd().momentum(), 0.9);
  EXPECT_TRUE(sgd.sgd().nesterov());
  EXPECT_FALSE(sgd.sgd().has_weight_decay());
  EXPECT_EQ(ParseSchedule("cosine:period=1000")->cosine().period(), 1000);
}

TEST(SpecsTest, RefusesWhatItDoesNotKnow) {
  const auto message = [](const absl::Status& status) {
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage);
    return Message(status);
  };
  EXPECT_THAT(message(ParseActivation("rulu").status()),
              StartsWith("--activation: \"rulu\" is none of identity, sigmoid, tanh, relu"));
  EXPECT_THAT(message(ParseActivation("unspecified").status()), HasSubstr("is none of"));
  EXPECT_THAT(message(ParseLoss("").status()), HasSubstr("is none of"));
  EXPECT_THAT(message(ParseOptimizer("schedule").status()), HasSubstr("is none of sgd, adam"));
  EXPECT_THAT(message(ParseSchedule("warmup_steps").status()), HasSubstr("is none of constant"));
  EXPECT_EQ(message(ParseOptimizer("sgd:speed=1").status()),
            "--optimizer: sgd has no \"speed\" (but: momentum, nesterov, weight_decay)");
  EXPECT_EQ(message(ParseLoss("huber:kind=1").status()),
            "--loss: huber has no \"kind\" (but: delta, label_smoothing)");
  EXPECT_EQ(message(ParseOptimizer("sgd:momentum=fast").status()),
            "--optimizer: momentum can't be \"fast\"");
  EXPECT_THAT(message(ParseOptimizer("sgd:momentum").status()), HasSubstr("NAME:KEY=VALUE"));
}

TEST(SpecsTest, ReadsLayers) {
  EXPECT_THAT(ParseLayers("64,32").value(), ElementsAre(64, 32));
  EXPECT_THAT(ParseLayers("none").value(), IsEmpty());
  EXPECT_THAT(ParseLayers("").value(), IsEmpty());
  for (const char* text : {"0", "-1", "64,", "64;32", "x", "1e3"}) {
    EXPECT_EQ(ExitCodeOf(ParseLayers(text).status()), ExitCode::kUsage) << text;
  }
}

}  // namespace
}  // namespace descent::cli
