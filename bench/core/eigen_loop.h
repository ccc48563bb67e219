// The peer of the core's step: the same network trained by the loop that one would write with Eigen
// in an afternoon.

#ifndef BENCH_CORE_EIGEN_LOOP_H_
#define BENCH_CORE_EIGEN_LOOP_H_

#include <cstdint>
#include <vector>

namespace descent::bench {

enum class HiddenActivation : std::uint8_t { kRelu, kTanh };

// One thread, float32, mean squared error, plain gradient descent.
class EigenLoop {
 public:
  EigenLoop(const std::vector<std::int64_t>& widths, HiddenActivation activation,
            std::int64_t rows);
  ~EigenLoop();
  EigenLoop(const EigenLoop&) = delete;
  EigenLoop& operator=(const EigenLoop&) = delete;

  // One update on a fixed random batch; returns its loss.
  float Step();

 private:
  struct State;
  State* state_;
};

// One float32 n x n x n product.
class EigenProduct {
 public:
  explicit EigenProduct(int n);
  ~EigenProduct();
  EigenProduct(const EigenProduct&) = delete;
  EigenProduct& operator=(const EigenProduct&) = delete;

  void Run();

 private:
  struct State;
  State* state_;
};

}  // namespace descent::bench

#endif  // BENCH_CORE_EIGEN_LOOP_H_
