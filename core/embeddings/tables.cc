#include "core/embeddings/tables.h"

#include <algorithm>
#include <limits>
#include <string>
#include <unordered_set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/embeddings/copy_row.h"
#include "core/embeddings/rows_ahead.h"
#include "core/error.h"
#include "core/initializers/initializer.h"
#include "core/kernels/packet.h"
#include "core/layers/sizes.h"
#include "core/status_macros.h"

namespace descent {
namespace {

using kernels::Packet;

constexpr std::int64_t kMaxBuckets = std::numeric_limits<std::int32_t>::max();
// A pass that moves fewer numbers stays on the calling thread.
constexpr std::int64_t kPoolNumbers = 1 << 16;

absl::Status ValidateName(const std::string& name) {
  constexpr std::size_t kLongest = 63;
  const auto is_inner = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return absl::ascii_islower(byte) || absl::ascii_isdigit(byte) || c == '_';
  };
  const bool good = !name.empty() && name.size() <= kLongest &&
                    absl::ascii_islower(static_cast<unsigned char>(name[0])) &&
                    std::ranges::all_of(name, is_inner);
  if (!good) {
    return InvalidField("name", "expected a lower-case letter, then at most 62 of a-z, 0-9 and '_'",
                        {}, "INVALID_NAME");
  }
  // What serving protocols call the numeric inputs and the outputs.
  if (name == "inputs" || name == "outputs") {
    return InvalidField("name", absl::StrCat("\"", name, "\" is taken"), {}, "INVALID_NAME");
  }
  return absl::OkStatus();
}

absl::Status ValidateInput(const CategoricalInputSpec& input) {
  RETURN_IF_ERROR(ValidateName(input.name));
  RETURN_IF_ERROR(ValidateSize("buckets", input.buckets));
  if (input.buckets > kMaxBuckets) {
    return InvalidField("buckets",
                        absl::StrCat("expected at most ", kMaxBuckets, ", got ", input.buckets));
  }
  RETURN_IF_ERROR(ValidateSize("dimension", input.dimension));
  return WithFieldPrefix(ValidateInitializer(input.initializer), "initializer");
}

// What the weights of row `row` are divided by.
template <typename T>
double TotalOf(const PlacedTable& table, const CategoryValues& values, std::int64_t row) {
  if (table.combiner == Combiner::kSum) return 1;
  const std::int64_t end = values.begin(row + 1);
  if (values.weights.empty()) return static_cast<double>(end - values.begin(row));
  double sum = 0;
  const T* const weights = values.weights.data<T>();
  for (std::int64_t i = values.begin(row); i < end; ++i) sum += static_cast<double>(weights[i]);
  return sum;
}

// What multiplies the table's row of a value. `weights` may be null: each 1. Weights are divided
// one by one because 1 / Σ v may be infinite, while each v / Σ v is in [0, 1].
template <typename T>
T FactorOf(const T* weights, std::int64_t i, double total) {
  const T weight = weights == nullptr ? T{1} : weights[i];
  if (total == 1) return weight;
  return total > 0 ? static_cast<T>(static_cast<double>(weight) / total) : T{0};
}

template <typename T>
const T* WeightsOf(const CategoryValues& values) {
  return values.weights.empty() ? nullptr : values.weights.data<T>();
}

// The block of one row. The first value is not added to zeros, so that a row of one value has that
// value's bits.
template <typename T>
void ReadRow(const PlacedTable& table, const T* rows, const CategoryValues& values,
             std::int64_t row, T* block) {
  const std::int64_t begin = values.begin(row);
  const std::int64_t end = values.begin(row + 1);
  const auto at = [&](std::int64_t i) {
    return rows + std::int64_t{values.buckets[static_cast<std::size_t>(i)]} * table.dimension;
  };
  if (begin == end) {
    std::fill_n(block, table.dimension, T{0});
    return;
  }
  const T* const weights = WeightsOf<T>(values);
  if (end - begin == 1 && weights == nullptr) {
    CopyRow(at(begin), table.dimension, block);
    return;
  }
  const double total = TotalOf<T>(table, values, row);
  const bool only_adds = weights == nullptr && total == 1;
  kernels::ForEachPacket<T>(table.dimension, [&](auto slice) {
    Packet<T> sum = Packet<T>(FactorOf(weights, begin, total)) * slice.Load(at(begin));
    for (std::int64_t i = begin + 1; i < end; ++i) {
      const Packet<T> e = slice.Load(at(i));
      sum = only_adds ? sum + e : MulAdd(Packet<T>(FactorOf(weights, i, total)), e, sum);
    }
    slice.Store(sum, block);
  });
}

// Memory for a table's part of a backward pass, allocated by the thread that may throw.
void Reserve(const PlacedTable& table, const CategoryValues& values, Occurrences* occurrences,
             std::vector<double>* totals, std::vector<std::int32_t>* rows) {
  occurrences->Reserve(values.buckets.size());
  rows->clear();
  rows->reserve(values.buckets.size());
  if (table.combiner == Combiner::kMean) totals->resize(static_cast<std::size_t>(values.rows()));
}

// Which rows there are, from sorted occurrences.
void ListRows(const std::vector<Occurrence>& occurrences, std::vector<std::int32_t>* rows) {
  for (const Occurrence& occurrence : occurrences) {
    const std::int32_t row = occurrence.table_row();
    if (rows->empty() || rows->back() != row) rows->push_back(row);
  }
}

// Adds up a table's gradient rows, from sorted occurrences. `totals` of the mean are filled in.
template <typename T>
void AddOccurrences(const PlacedTable& table, const CategoryValues& values,
                    const std::vector<Occurrence>& occurrences, const Matrix& first_gradient,
                    std::vector<double>* totals, T* gradients) {
  const bool divides = table.combiner == Combiner::kMean;
  for (std::int64_t row = 0; divides && row < values.rows(); ++row) {
    (*totals)[static_cast<std::size_t>(row)] = TotalOf<T>(table, values, row);
  }
  const T* const weights = WeightsOf<T>(values);
  const T* const deltas = first_gradient.data<T>() + table.column;
  std::int32_t row_before = -1;
  T* next = gradients;
  T* out = nullptr;
  for (const Occurrence& occurrence : occurrences) {
    const std::int32_t table_row = occurrence.table_row();
    const std::int64_t i = occurrence.place();
    const std::int64_t row = values.RowOf(i);
    const Packet<T> factor(
        FactorOf(weights, i, divides ? (*totals)[static_cast<std::size_t>(row)] : 1));
    const T* const delta = deltas + row * first_gradient.cols();
    const bool is_first = std::exchange(row_before, table_row) != table_row;
    if (is_first) out = std::exchange(next, next + table.dimension);
    kernels::ForEachPacket<T>(table.dimension, [&](auto slice) {
      const Packet<T> d = slice.Load(delta);
      slice.Store(is_first ? factor * d : MulAdd(factor, d, slice.Load(out)), out);
    });
  }
}

// Runs body(i) for each table, on the pool if that moves enough numbers.
template <typename Body>
void ForEachTable(const std::vector<PlacedTable>& tables, const Categories& categories,
                  ThreadPool* pool, const Body& body) {
  std::int64_t numbers = 0;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    numbers += categories[t].size() * tables[t].dimension;
  }
  const auto count = static_cast<std::int64_t>(tables.size());
  const auto one = [&](std::int64_t i) { body(static_cast<std::size_t>(i)); };
  if (pool != nullptr && count > 1 && numbers >= kPoolNumbers) {
    pool->ParallelFor(count, one);
  } else {
    for (std::int64_t i = 0; i < count; ++i) one(i);
  }
}

}  // namespace

std::int64_t TableGradients::CountValues(const std::vector<PlacedTable>& tables,
                                         const std::vector<std::vector<std::int32_t>>& rows) {
  DESCENT_CHECK(rows.size() == tables.size());
  std::int64_t count = 0;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    count += static_cast<std::int64_t>(rows[t].size()) * tables[t].dimension;
  }
  return count;
}

TableGradients::Range TableGradients::RangeOf(const std::vector<PlacedTable>& tables,
                                              std::size_t table) const {
  Range range;
  for (std::size_t t = 0; t <= table; ++t) {
    range.begin += range.size;
    range.size = static_cast<std::int64_t>(rows[t].size()) * tables[t].dimension;
  }
  return range;
}

bool TableGradients::Fit(const std::vector<PlacedTable>& tables, DataType type) const {
  if (rows.size() != tables.size() || values.type() != type) return false;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    std::int64_t before = -1;
    for (const std::int32_t row : rows[t]) {
      if (row <= before || row >= tables[t].buckets) return false;
      before = row;
    }
  }
  return values.size() == CountValues(tables, rows);
}

TableGradients TableGradients::Clone() const { return {.rows = rows, .values = values.Clone()}; }

std::size_t TableGradients::byte_size() const {
  std::size_t bytes = values.capacity() + rows.capacity() * sizeof(std::vector<std::int32_t>);
  for (const auto& some : rows) bytes += some.capacity() * sizeof(some[0]);
  return bytes;
}

std::size_t TableScratch::byte_size() const {
  std::size_t bytes = occurrences.capacity() * sizeof(Occurrences);
  for (const Occurrences& some : occurrences) bytes += some.byte_size();
  bytes += totals.capacity() * sizeof(std::vector<double>);
  for (const auto& some : totals) bytes += some.capacity() * sizeof(some[0]);
  bytes += begins.capacity() * sizeof(begins[0]);
  return bytes;
}

absl::Status ValidateCategoricalInputs(const NetworkSpec& spec) {
  const auto count = static_cast<std::int64_t>(spec.categorical_inputs.size());
  if (count > kMaxCategoricalInputs) {
    return InvalidField("categorical_inputs",
                        absl::StrCat("expected at most ", kMaxCategoricalInputs, ", got ", count));
  }
  std::unordered_set<std::string> names;
  for (std::size_t i = 0; i < spec.categorical_inputs.size(); ++i) {
    const CategoricalInputSpec& input = spec.categorical_inputs[i];
    absl::Status status = ValidateInput(input);
    if (status.ok() && !names.insert(input.name).second) {
      status = InvalidField("name", absl::StrCat("\"", input.name, "\" is there twice"), {},
                            "CONTRADICTORY_FIELDS");
    }
    if (!status.ok()) {
      return WithFieldPrefix(std::move(status), absl::StrCat("categorical_inputs[", i, "]"));
    }
  }
  return absl::OkStatus();
}

void ReadTables(const std::vector<PlacedTable>& tables, const Buffer& parameters,
                const Categories& categories, ThreadPool* pool, Matrix* first) {
  DESCENT_CHECK(categories.size() == tables.size());
  WithElementType(parameters.type(), [&](auto zero) {
    using T = decltype(zero);
    ForEachTable(tables, categories, pool, [&](std::size_t t) {
      const PlacedTable& table = tables[t];
      DESCENT_CHECK(categories[t].rows() == first->rows());
      const T* const rows = parameters.data<T>() + table.offset;
      T* const blocks = first->data<T>() + table.column;
      const std::vector<std::int32_t>& buckets = categories[t].buckets;
      for (std::int64_t row = 0; row < first->rows(); ++row) {
        const std::size_t ahead = static_cast<std::size_t>(categories[t].begin(row)) + kRowsAhead;
        if (ahead < buckets.size()) {
          AskForRow(rows + std::int64_t{buckets[ahead]} * table.dimension);
        }
        ReadRow(table, rows, categories[t], row, blocks + row * first->cols());
      }
    });
  });
}

void ComputeTableGradients(const std::vector<PlacedTable>& tables, const Categories& categories,
                           const Matrix& first_gradient, ThreadPool* pool, TableScratch* scratch,
                           TableGradients* gradients) {
  DESCENT_CHECK(categories.size() == tables.size());
  scratch->occurrences.resize(tables.size());
  scratch->totals.resize(tables.size());
  scratch->begins.resize(tables.size());
  gradients->rows.resize(tables.size());
  for (std::size_t t = 0; t < tables.size(); ++t) {
    Reserve(tables[t], categories[t], &scratch->occurrences[t], &scratch->totals[t],
            &gradients->rows[t]);
  }
  ForEachTable(tables, categories, pool, [&](std::size_t t) {
    scratch->occurrences[t].Sort(categories[t].buckets, tables[t].buckets);
    ListRows(scratch->occurrences[t].sorted(), &gradients->rows[t]);
  });
  std::int64_t size = 0;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    scratch->begins[t] = size;
    size += static_cast<std::int64_t>(gradients->rows[t].size()) * tables[t].dimension;
  }
  gradients->values.Resize(first_gradient.type(), size);
  WithElementType(first_gradient.type(), [&](auto zero) {
    using T = decltype(zero);
    ForEachTable(tables, categories, pool, [&](std::size_t t) {
      AddOccurrences(tables[t], categories[t], scratch->occurrences[t].sorted(), first_gradient,
                     &scratch->totals[t], gradients->values.data<T>() + scratch->begins[t]);
    });
  });
}

}  // namespace descent
