// Networks and batches by seed, for suites that want many of them.

#ifndef TESTS_SUPPORT_RANDOM_NETWORK_H_
#define TESTS_SUPPORT_RANDOM_NETWORK_H_

#include <cstdint>
#include <memory>
#include <random>
#include <variant>
#include <vector>

#include "core/batch.h"
#include "core/check.h"
#include "core/network.h"
#include "core/spec.h"
#include "tests/support/random_categories.h"

namespace descent::testing {

// The layer, which must be dense.
inline DenseSpec& DenseAt(NetworkSpec& spec, std::size_t layer) {
  return std::get<DenseSpec>(spec.layers[layer]);
}

// inputs → widths[0] → … with one activation throughout and the identity at the output.
inline NetworkSpec DenseNetwork(std::int64_t inputs, const std::vector<std::int64_t>& widths,
                                const ActivationSpec& activation, const LossSpec& loss,
                                DataType type, std::uint64_t seed = 1) {
  NetworkSpec spec;
  spec.input_features = inputs;
  spec.data_type = type;
  spec.seed = seed;
  spec.loss = loss;
  for (const std::int64_t units : widths) {
    spec.layers.emplace_back(DenseSpec{.units = units, .activation = activation});
  }
  DenseAt(spec, widths.size() - 1).activation = IdentityActivation{};
  return spec;
}

inline std::shared_ptr<const Network> MakeNetwork(const NetworkSpec& spec) {
  auto network = Network::Create(spec);
  DESCENT_CHECK(network.ok());
  return *std::move(network);
}

inline Matrix RandomMatrix(DataType type, std::int64_t rows, std::int64_t cols, std::uint64_t seed,
                           double low = -1, double high = 1) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(low, high);
  Matrix matrix(type, rows, cols);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) matrix.Set(i, j, uniform(random));
  }
  return matrix;
}

// Real targets in [-1, 1], or class indices when the loss is SOFTMAX_CROSS_ENTROPY.
inline Batch RandomBatch(const NetworkSpec& spec, std::int64_t rows, std::uint64_t seed) {
  const std::int64_t outputs = MakeNetwork(spec)->outputs();
  Batch batch;
  batch.inputs = RandomMatrix(spec.data_type, rows, spec.input_features, seed);
  batch.categories = RandomCategories(spec, rows, seed + 2);
  if (std::holds_alternative<SoftmaxCrossEntropyLoss>(spec.loss)) {
    std::mt19937_64 random(seed);
    ClassIndices classes;
    for (std::int64_t i = 0; i < rows; ++i) {
      classes.push_back(static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(outputs)));
    }
    batch.targets = std::move(classes);
  } else {
    batch.targets = RandomMatrix(spec.data_type, rows, outputs, seed + 1);
  }
  return batch;
}

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_RANDOM_NETWORK_H_
