// Values of categorical inputs by seed.

#ifndef TESTS_SUPPORT_RANDOM_CATEGORIES_H_
#define TESTS_SUPPORT_RANDOM_CATEGORIES_H_

#include <cstddef>
#include <cstdint>
#include <random>

#include "core/data_type.h"
#include "core/embeddings/categories.h"
#include "core/spec.h"

namespace descent::testing {

// How many categories a row has, and whether they have weights.
enum class CategoryForm { kOneARow, kBags, kWeightedBags };

// Bags are of 0 to 3 values by turns, those of 3 with one of them twice. Weights of sums are of
// both signs.
inline CategoryValues RandomCategoryValues(const CategoricalInputSpec& input, DataType type,
                                           std::int64_t rows, CategoryForm form,
                                           std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto bucket = [&] {
    return static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(input.buckets));
  };
  CategoryValues values;
  if (form != CategoryForm::kOneARow) values.row_splits.push_back(0);
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::uint64_t count =
        form == CategoryForm::kOneARow ? 1 : (static_cast<std::uint64_t>(row) + seed) % 4;
    for (std::uint64_t i = 0; i < count; ++i) {
      values.buckets.push_back(i < 2 ? bucket() : values.buckets[values.buckets.size() - 2]);
    }
    if (form != CategoryForm::kOneARow) values.row_splits.push_back(values.size());
  }
  if (form == CategoryForm::kWeightedBags) {
    const double low = input.combiner == Combiner::kMean ? 0 : -1;
    std::uniform_real_distribution<double> uniform(low, 2);
    values.weights = Matrix(type, values.size(), 1);
    for (std::int64_t i = 0; i < values.size(); ++i) values.weights.Set(i, 0, uniform(random));
  }
  return values;
}

// For each categorical input of the spec, the first one's of one a row, the next one's bags, and so
// on by turns.
inline Categories RandomCategories(const NetworkSpec& spec, std::int64_t rows, std::uint64_t seed) {
  constexpr CategoryForm kForms[] = {CategoryForm::kOneARow, CategoryForm::kBags,
                                     CategoryForm::kWeightedBags};
  Categories categories;
  for (const CategoricalInputSpec& input : spec.categorical_inputs) {
    const std::size_t i = categories.size();
    categories.push_back(
        RandomCategoryValues(input, spec.data_type, rows, kForms[i % 3], seed + i));
  }
  return categories;
}

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_RANDOM_CATEGORIES_H_
