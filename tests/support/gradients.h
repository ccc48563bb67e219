// The gradients of a batch, of tables too.

#ifndef TESTS_SUPPORT_GRADIENTS_H_
#define TESTS_SUPPORT_GRADIENTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/batch.h"
#include "core/buffer.h"
#include "core/embeddings/tables.h"
#include "core/network.h"
#include "gtest/gtest.h"

namespace descent::testing {

struct Gradients {
  Buffer dense;  // up to the layout's dense_size()
  TableGradients tables;
  Matrix inputs;
};

// From what a forward pass of these numbers left in the workspace.
inline Gradients GradientsOf(const Network& network, const Buffer& parameters, const Batch& batch,
                             Workspace* workspace, ThreadPool* pool = nullptr) {
  Gradients gradients;
  network.Backward(parameters, batch.inputs, pool, workspace, &gradients.dense, &gradients.inputs);
  if (!network.tables().empty()) {
    network.BackwardTables(batch.categories, pool, workspace, &gradients.tables);
  }
  return gradients;
}

// Laid out by the network's layout, zero in rows of tables that were not named.
inline Buffer WholeGradient(const Network& network, const Gradients& gradients) {
  Buffer whole(network.data_type(), network.layout().size());
  EXPECT_EQ(gradients.dense.size(), network.layout().dense_size());
  for (std::int64_t i = 0; i < gradients.dense.size(); ++i) whole.Set(i, gradients.dense.At(i));
  std::int64_t from = 0;
  for (std::size_t t = 0; t < network.tables().size(); ++t) {
    const PlacedTable& table = network.tables()[t];
    const std::vector<std::int32_t>& rows = gradients.tables.rows.at(t);
    EXPECT_EQ(std::ranges::adjacent_find(rows, std::ranges::greater_equal()), rows.end())
        << "each once and rising";
    for (const std::int32_t row : rows) {
      for (std::int64_t j = 0; j < table.dimension; ++j) {
        whole.Set(table.offset + row * table.dimension + j, gradients.tables.values.At(from++));
      }
    }
  }
  EXPECT_EQ(from, gradients.tables.values.size());
  return whole;
}

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_GRADIENTS_H_
