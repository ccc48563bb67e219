// Networks with tables, their batches and outputs, for suites that compare bits.

#ifndef TESTS_SUPPORT_CATEGORICAL_NETWORK_H_
#define TESTS_SUPPORT_CATEGORICAL_NETWORK_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/network.h"
#include "core/spec.h"
#include "core/trainer.h"
#include "tests/support/random_network.h"

namespace descent::testing {

inline NetworkSpec CategoricalNetwork(std::int64_t numeric,
                                      std::vector<CategoricalInputSpec> inputs,
                                      std::vector<LayerSpec> layers,
                                      DataType type = DataType::kFloat64) {
  NetworkSpec spec;
  spec.input_features = numeric;
  spec.categorical_inputs = std::move(inputs);
  spec.layers = std::move(layers);
  spec.loss = HalfSquaredErrorLoss{};
  spec.data_type = type;
  return spec;
}

inline LayerSpec TanhLayer(std::int64_t units) {
  return DenseSpec{.units = units, .activation = TanhActivation{}};
}

inline std::unique_ptr<Trainer> MakeTrainer(std::shared_ptr<const Network> network,
                                            const OptimizerSpec& optimizer,
                                            ThreadPool* pool = nullptr) {
  auto trainer = Trainer::Create(std::move(network), optimizer, pool);
  DESCENT_CHECK(trainer.ok());
  return *std::move(trainer);
}

inline OptimizerSpec WithAlgorithm(const OptimizerOptions& algorithm, double learning_rate) {
  OptimizerSpec spec;
  spec.learning_rate = learning_rate;
  spec.algorithm = algorithm;
  return spec;
}

// A column [n, 1].
inline Matrix Column(DataType type, const std::vector<double>& values) {
  Matrix column(type, static_cast<std::int64_t>(values.size()), 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    column.Set(static_cast<std::int64_t>(i), 0, values[i]);
  }
  return column;
}

template <typename... Values>
Categories CategoriesOf(Values... values) {
  Categories categories;
  (categories.push_back(std::move(values)), ...);
  return categories;
}

inline Matrix Outputs(const Network& network, const Buffer& parameters, const Matrix& inputs,
                      const Categories& categories, ThreadPool* pool = nullptr) {
  Workspace workspace;
  network.Forward(parameters, inputs, {.pool = pool, .categories = &categories}, &workspace);
  return workspace.outputs().Clone();
}

inline bool SameBits(const Buffer& a, const Buffer& b) {
  return a.type() == b.type() && a.size() == b.size() &&
         std::memcmp(a.bytes(), b.bytes(), a.byte_size()) == 0;
}

inline bool SameBits(const Matrix& a, const Matrix& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() && SameBits(a.buffer(), b.buffer());
}

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_CATEGORICAL_NETWORK_H_
