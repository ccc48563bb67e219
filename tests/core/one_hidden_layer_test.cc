// The one-hidden-layer network that the engine generalises, term by term. For one row x with target
// y, P inputs and K hidden units:
//
//   z_k = α_k + Σ_j B_jk x_j     (11.1)        a_k = σ(z_k)           (11.2)
//   w   = c + Σ_k γ_k a_k        (11.3)        L = ½ (w - y)²         (11.4)
//
//   ∂L/∂c = w - y                              ∂L/∂γ_k = (w - y) a_k
//   ∂L/∂B_jk = (w - y) γ_k σ′(z_k) x_j  (11.7) ∂L/∂α_k = (w - y) γ_k σ′(z_k)  (11.9)

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/network.h"
#include "gtest/gtest.h"
#include "tests/support/random_network.h"

namespace descent {
namespace {

using testing::DenseNetwork;
using testing::MakeNetwork;
using testing::RandomMatrix;

constexpr std::int64_t kP = 5;
constexpr std::int64_t kK = 7;
constexpr double kTolerance = 1e-14;

// σ and σ′ as the textbook has them.
double Sigma(double z) { return 1 / (1 + std::exp(-z)); }
double SigmaPrime(double z) { return Sigma(z) * (1 - Sigma(z)); }

class OneHiddenLayerTest : public ::testing::Test {
 protected:
  OneHiddenLayerTest() : parameters_(network_->InitialParameters()) {
    // α and c begin at zero; here they should matter.
    for (std::int64_t k = 0; k < kK; ++k)
      parameters_.Set(AlphaAt(k), 0.1 * static_cast<double>(k) - 0.3);
    parameters_.Set(CAt(), 0.4);
  }

  // Where the source's letters lie: layers.0 holds B and α, layers.1 γ and c.
  std::int64_t BAt(std::int64_t j, std::int64_t k) const {
    return layout().OffsetOf("layers.0.kernel") + j * kK + k;
  }
  std::int64_t AlphaAt(std::int64_t k) const { return layout().OffsetOf("layers.0.bias") + k; }
  std::int64_t GammaAt(std::int64_t k) const { return layout().OffsetOf("layers.1.kernel") + k; }
  std::int64_t CAt() const { return layout().OffsetOf("layers.1.bias"); }
  const ParameterLayout& layout() const { return network_->layout(); }

  const std::shared_ptr<const Network> network_ = MakeNetwork(
      DenseNetwork(kP, {kK, 1}, SigmoidActivation{}, HalfSquaredErrorLoss{}, DataType::kFloat64));
  Buffer parameters_;
  Workspace workspace_;
};

TEST_F(OneHiddenLayerTest, EveryTermOfOneRow) {
  const Matrix x = RandomMatrix(DataType::kFloat64, 1, kP, 11);
  const double y = 0.7;
  const Targets targets = RandomMatrix(DataType::kFloat64, 1, 1, 3, y, y);
  network_->Forward(parameters_, x, {.keep_all = true}, &workspace_);
  const double loss = network_->EvaluateLoss(targets, Matrix(), &workspace_);
  Buffer gradient;
  network_->Backward(parameters_, x, nullptr, &workspace_, &gradient, nullptr);

  double w = parameters_.At(CAt());
  std::vector<double> z(kK);
  for (std::int64_t k = 0; k < kK; ++k) {
    z[k] = parameters_.At(AlphaAt(k));
    for (std::int64_t j = 0; j < kP; ++j) z[k] += parameters_.At(BAt(j, k)) * x.At(0, j);
    EXPECT_NEAR(workspace_.pre_activations[0].At(0, k), z[k], kTolerance) << "11.1";
    EXPECT_NEAR(workspace_.activations[0].At(0, k), Sigma(z[k]), kTolerance) << "11.2";
    w += parameters_.At(GammaAt(k)) * Sigma(z[k]);
  }
  EXPECT_NEAR(workspace_.outputs().At(0, 0), w, kTolerance) << "11.3";
  EXPECT_NEAR(loss, 0.5 * (w - y) * (w - y), kTolerance) << "11.4";

  EXPECT_NEAR(gradient.At(CAt()), w - y, kTolerance);
  for (std::int64_t k = 0; k < kK; ++k) {
    EXPECT_NEAR(gradient.At(GammaAt(k)), (w - y) * Sigma(z[k]), kTolerance);
    const double through_z = (w - y) * parameters_.At(GammaAt(k)) * SigmaPrime(z[k]);
    EXPECT_NEAR(gradient.At(AlphaAt(k)), through_z, kTolerance) << "11.9";
    for (std::int64_t j = 0; j < kP; ++j) {
      EXPECT_NEAR(gradient.At(BAt(j, k)), through_z * x.At(0, j), kTolerance) << "11.7";
    }
  }
}

// A batch's loss and gradient are the means of its rows'.
TEST_F(OneHiddenLayerTest, ABatchIsTheMeanOfItsRows) {
  constexpr std::int64_t kRows = 9;
  const Matrix x = RandomMatrix(DataType::kFloat64, kRows, kP, 12);
  const Matrix y = RandomMatrix(DataType::kFloat64, kRows, 1, 13);
  network_->Forward(parameters_, x, {}, &workspace_);
  const double loss = network_->EvaluateLoss(y.Clone(), Matrix(), &workspace_);
  Buffer gradient;
  network_->Backward(parameters_, x, nullptr, &workspace_, &gradient, nullptr);

  double mean_loss = 0;
  std::vector<double> mean_gradient(static_cast<std::size_t>(layout().size()));
  for (std::int64_t row = 0; row < kRows; ++row) {
    Matrix one_x(DataType::kFloat64, 1, kP);
    for (std::int64_t j = 0; j < kP; ++j) one_x.Set(0, j, x.At(row, j));
    Matrix one_y(DataType::kFloat64, 1, 1);
    one_y.Set(0, 0, y.At(row, 0));
    network_->Forward(parameters_, one_x, {}, &workspace_);
    mean_loss += network_->EvaluateLoss(std::move(one_y), Matrix(), &workspace_) / kRows;
    Buffer row_gradient;
    network_->Backward(parameters_, one_x, nullptr, &workspace_, &row_gradient, nullptr);
    for (std::int64_t i = 0; i < layout().size(); ++i) {
      mean_gradient[i] += row_gradient.At(i) / kRows;
    }
  }
  EXPECT_NEAR(loss, mean_loss, kTolerance);
  for (std::int64_t i = 0; i < layout().size(); ++i) {
    EXPECT_NEAR(gradient.At(i), mean_gradient[i], kTolerance);
  }
}

}  // namespace
}  // namespace descent
