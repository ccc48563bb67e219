#include "client/cli/commands/finite.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"
#include "descent/v1/tensor.pb.h"
#include "tests/cli/message.h"

namespace descent::cli {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(CheckFiniteTest, TakesWhatIsFinite) {
  v1::Model model;
  EXPECT_TRUE(CheckFinite(model).ok());
  model.set_last_loss(1e308);
  model.mutable_optimizer()->set_learning_rate(1e-3);
  model.mutable_network()->add_layers()->mutable_dense()->set_units(4);
  EXPECT_TRUE(CheckFinite(model).ok());
}

TEST(CheckFiniteTest, FindsNumbersThatAreNotWhereverTheyAre) {
  v1::Model model;
  model.set_last_loss(std::nan(""));
  EXPECT_EQ(Message(CheckFinite(model)),
            "the server answered a last_loss that is not a finite number");
  model.Clear();
  model.mutable_optimizer()->mutable_adam()->set_beta1(-kInfinity);
  EXPECT_EQ(Message(CheckFinite(model)), "the server answered a beta1 that is not a finite number");
  v1::Tensor tensor;
  tensor.mutable_floats()->add_values(0);
  tensor.mutable_floats()->add_values(static_cast<float>(kInfinity));
  EXPECT_FALSE(CheckFinite(tensor).ok());
  v1::EvaluateResponse evaluation;
  (*evaluation.mutable_metrics())["rmse"] = kInfinity;
  EXPECT_FALSE(CheckFinite(evaluation).ok());
}

}  // namespace
}  // namespace descent::cli
