// Compiled for this machine, with the cache sizes that measured best (see the header for what it
// is).

#define EIGEN_DONT_PARALLELIZE
#include "bench/core/eigen_loop.h"

#include <Eigen/Core>

namespace descent::bench {
namespace {

using RowMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

void SetCacheSizes() { Eigen::setCpuCacheSizes(48 << 10, 1 << 20, 32 << 20); }

}  // namespace

struct EigenLoop::State {
  HiddenActivation activation;
  std::vector<RowMatrix> kernels;
  std::vector<Eigen::RowVectorXf> biases;
  std::vector<RowMatrix> activations;  // [0] is the batch
  RowMatrix targets;
  RowMatrix delta;
  RowMatrix next_delta;
  RowMatrix kernel_gradient;
};

EigenLoop::EigenLoop(const std::vector<std::int64_t>& widths, HiddenActivation activation,
                     std::int64_t rows)
    : state_(new State{.activation = activation,
                       .kernels = {},
                       .biases = {},
                       .activations = {},
                       .targets = {},
                       .delta = {},
                       .next_delta = {},
                       .kernel_gradient = {}}) {
  SetCacheSizes();
  state_->activations.push_back(RowMatrix::Random(rows, widths[0]));
  for (std::size_t l = 1; l < widths.size(); ++l) {
    state_->kernels.push_back(RowMatrix::Random(widths[l - 1], widths[l]) *
                              (1.0F / static_cast<float>(widths[l - 1])));
    state_->biases.push_back(Eigen::RowVectorXf::Zero(widths[l]));
    state_->activations.push_back(RowMatrix::Zero(rows, widths[l]));
  }
  state_->targets = RowMatrix::Random(rows, widths.back());
}

EigenLoop::~EigenLoop() { delete state_; }

float EigenLoop::Step() {
  State& s = *state_;
  const std::size_t depth = s.kernels.size();
  for (std::size_t l = 0; l < depth; ++l) {
    RowMatrix& out = s.activations[l + 1];
    out.noalias() = s.activations[l] * s.kernels[l];
    out.rowwise() += s.biases[l];
    if (l + 1 == depth) break;
    if (s.activation == HiddenActivation::kRelu) {
      out = out.cwiseMax(0.0F);
    } else {
      out = out.array().tanh();
    }
  }
  s.delta = s.activations.back() - s.targets;
  const auto elements = static_cast<float>(s.delta.size());
  const float loss = s.delta.squaredNorm() / elements;
  s.delta *= 2.0F / elements;
  constexpr float kRate = 1e-3F;
  for (std::size_t l = depth; l-- > 0;) {
    s.kernel_gradient.noalias() = s.activations[l].transpose() * s.delta;
    const Eigen::RowVectorXf bias_gradient = s.delta.colwise().sum();
    if (l > 0) {
      s.next_delta.noalias() = s.delta * s.kernels[l].transpose();
      if (s.activation == HiddenActivation::kRelu) {
        s.next_delta.array() *= (s.activations[l].array() > 0.0F).cast<float>();
      } else {
        s.next_delta.array() *= 1.0F - s.activations[l].array().square();
      }
    }
    s.kernels[l] -= kRate * s.kernel_gradient;
    s.biases[l] -= kRate * bias_gradient;
    std::swap(s.delta, s.next_delta);
  }
  return loss;
}

struct EigenProduct::State {
  RowMatrix a, b, c;
};

EigenProduct::EigenProduct(int n)
    : state_(new State{RowMatrix::Random(n, n), RowMatrix::Random(n, n), RowMatrix(n, n)}) {
  SetCacheSizes();
}

EigenProduct::~EigenProduct() { delete state_; }

void EigenProduct::Run() { state_->c.noalias() = state_->a * state_->b; }

}  // namespace descent::bench
