// The networks of docs/performance.md, and the products that one training step of each consists of.

#ifndef BENCH_CORE_REFERENCE_NETWORKS_H_
#define BENCH_CORE_REFERENCE_NETWORKS_H_

#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "bench/core/eigen_loop.h"
#include "core/buffer.h"
#include "core/kernels/gemm.h"
#include "core/spec.h"

namespace descent::bench {

struct Reference {
  const char* name;
  std::vector<std::int64_t> widths;
  HiddenActivation activation;
  std::int64_t rows;
};

std::span<const Reference> References();

// Float32, mean squared error.
NetworkSpec SpecOf(const Reference& reference);

// Operations of a step: 2 for each weight and row in the forward product and in the weight
// gradient, and 2 more for the input gradient, which the first layer does without.
double StepOperations(const Reference& reference);

// Uniform in [-1, 1).
Matrix RandomMatrix(std::int64_t rows, std::int64_t cols, std::mt19937* random);

// One product as the engine's passes call it, with operands of its own.
class BareProduct {
 public:
  enum class Form { kForward, kKernelGradient, kInputGradient };

  // For a layer [inputs, units] and a batch of `rows`.
  BareProduct(Form form, std::int64_t rows, std::int64_t inputs, std::int64_t units);

  void Run(ThreadPool* pool = nullptr);

  std::string_view form_name() const;
  const GemmOperands<float>& operands() const { return operands_; }
  double operations() const {
    return 2.0 * static_cast<double>(operands_.m) * static_cast<double>(operands_.n) *
           static_cast<double>(operands_.k);
  }

 private:
  Form form_;
  Matrix a_, b_, c_;
  GemmOperands<float> operands_;
};

// In the order in which a step runs them.
std::vector<BareProduct> ProductsOf(const Reference& reference);

}  // namespace descent::bench

#endif  // BENCH_CORE_REFERENCE_NETWORKS_H_
