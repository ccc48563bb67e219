// The tables of categorical inputs: what the first layer reads of them, and their gradient.
//
// For a row with values j, table rows e_j and weights v_j the block is Σ v_j e_j, or for the mean
// Σ v_j e_j / Σ v_j, as torch.nn.EmbeddingBag has it; ∂L/∂e_r is the sum over all occurrences of r,
// in the order of the batch, of what multiplied e_r there times the row's ∂L/∂block.

#ifndef CORE_EMBEDDINGS_TABLES_H_
#define CORE_EMBEDDINGS_TABLES_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/buffer.h"
#include "core/embeddings/categories.h"
#include "core/embeddings/occurrences.h"
#include "core/spec.h"
#include "core/thread_pool.h"

namespace descent {

// A network has at most so many categorical inputs.
inline constexpr std::int64_t kMaxCategoricalInputs = 1024;

// Where a table is in the flat buffer of parameters, and its block in what the first layer reads.
struct PlacedTable {
  std::int64_t offset = 0;  // in elements
  std::int64_t buckets = 0;
  std::int64_t dimension = 0;
  Combiner combiner = Combiner::kSum;
  std::int64_t column = 0;
};

// The gradients of all tables: of the rows that a batch names, all others being zero.
struct TableGradients {
  std::vector<std::vector<std::int32_t>> rows;  // of each table, each once and rising
  Buffer values;  // [rows, dimension] of the first table, then of the next, without gaps

  // Where a table's numbers are in `values`.
  struct Range {
    std::int64_t begin = 0;
    std::int64_t size = 0;
  };
  Range RangeOf(const std::vector<PlacedTable>& tables, std::size_t table) const;

  // Numbers that there are in `values`.
  static std::int64_t CountValues(const std::vector<PlacedTable>& tables,
                                  const std::vector<std::vector<std::int32_t>>& rows);
  // Whether they are of these tables, whose rows there are, and of that type.
  bool Fit(const std::vector<PlacedTable>& tables, DataType type) const;
  TableGradients Clone() const;
  std::size_t byte_size() const;
};

// kInvalidArgument naming the field, relative to the spec: "categorical_inputs[0].buckets".
absl::Status ValidateCategoricalInputs(const NetworkSpec& spec);

// Writes the blocks of all tables into `first`, rows of `width` elements of the buffer's type.
// `pool` may be null.
void ReadTables(const std::vector<PlacedTable>& tables, const Buffer& parameters,
                const Categories& categories, ThreadPool* pool, Matrix* first);

// Memory that gradients of tables are computed in.
struct TableScratch {
  std::vector<Occurrences> occurrences;     // of each table
  std::vector<std::vector<double>> totals;  // of each that takes the mean: Σ v by row
  std::vector<std::int64_t> begins;         // of each table's gradients
  std::size_t byte_size() const;
};

// The gradients from ∂L/∂first, overwriting *gradients. `pool` may be null.
void ComputeTableGradients(const std::vector<PlacedTable>& tables, const Categories& categories,
                           const Matrix& first_gradient, ThreadPool* pool, TableScratch* scratch,
                           TableGradients* gradients);

}  // namespace descent

#endif  // CORE_EMBEDDINGS_TABLES_H_
