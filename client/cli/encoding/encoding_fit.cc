// Learning an encoding from a table, and finding its columns in another file again.

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/encoding/embedding.h"
#include "client/cli/encoding/encoding.h"
#include "client/cli/failure.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

absl::StatusOr<NumberEncoding> FitNumbers(const Table& table, const Column& column,
                                          absl::Span<const int64_t> rows) {
  std::vector<double> values;
  values.reserve(rows.size());
  for (const int64_t row : rows) {
    const double value = column.numbers[row];
    if (!std::isnan(value)) values.push_back(value);
  }
  if (values.empty()) {
    return DataError({table.source}, absl::StrCat("column ", column.schema.name,
                                                  " holds no value; leave it out with --ignore"));
  }
  NumberEncoding encoding;
  encoding.median = Median(values);
  values.resize(rows.size(), encoding.median);
  encoding.standardization = Standardize(values);
  return encoding;
}

// Numbers by value when all are, texts byte by byte otherwise.
void SortCategories(std::vector<std::string>* categories) {
  const bool numeric = std::all_of(categories->begin(), categories->end(),
                                   [](const std::string& s) { return ParseNumber(s).has_value(); });
  std::sort(categories->begin(), categories->end(),
            [numeric](const std::string& a, const std::string& b) {
              if (numeric && *ParseNumber(a) != *ParseNumber(b)) {
                return *ParseNumber(a) < *ParseNumber(b);
              }
              return a < b;
            });
}

// Where the first cell stands that keeps the column from holding numbers, if most of its texts are
// some: that is a slip in the file, hardly a category.
std::optional<int64_t> FirstSlip(const Column& column) {
  const auto is_number = [](const std::string& text) { return ParseNumber(text).has_value(); };
  const std::vector<std::string>& texts = column.categories;
  const auto numbers = std::count_if(texts.begin(), texts.end(), is_number);
  if (2 * static_cast<size_t>(numbers) < texts.size()) return std::nullopt;
  for (size_t row = 0; row < column.codes.size(); ++row) {
    const std::string& text = texts[column.codes[row]];
    if (!IsMissingNumber(text) && !is_number(text)) return static_cast<int64_t>(row);
  }
  return std::nullopt;
}

// The error for a column of more texts than a network can have inputs or outputs for.
absl::Status TooManyTexts(const Table& table, const Column& column, absl::string_view message) {
  const std::optional<int64_t> slip = FirstSlip(column);
  if (!slip.has_value()) return DataError({table.source}, message);
  return DataError(table.PlaceOf(*slip, column),
                   absl::StrCat("\"", column.categories[column.codes[*slip]],
                                "\" is not a finite number, and without numbers ", message));
}

// By code, whether one of the rows has the category.
std::vector<bool> CategoriesSeen(const Column& column, absl::Span<const int64_t> rows) {
  std::vector<bool> seen(column.categories.size());
  for (const int64_t row : rows) seen[column.codes[static_cast<size_t>(row)]] = true;
  return seen;
}

absl::StatusOr<CategoryEncoding> FitCategories(const Table& table, const Column& column,
                                               absl::Span<const int64_t> rows) {
  const std::vector<bool> seen = CategoriesSeen(column, rows);
  CategoryEncoding encoding;
  for (size_t code = 0; code < seen.size(); ++code) {
    if (seen[code]) encoding.categories.push_back(column.categories[code]);
  }
  if (encoding.categories.size() > kMaxCategories) {
    return TooManyTexts(
        table, column,
        absl::StrCat("column ", column.schema.name, " holds ", encoding.categories.size(),
                     " different texts, too many for an input each (at most ", kMaxCategories,
                     "); take it as one categorical input with --embed, or leave it out with "
                     "--ignore"));
  }
  SortCategories(&encoding.categories);
  return encoding;
}

EmbeddedEncoding FitEmbedded(const Column& column, absl::Span<const int64_t> rows,
                             absl::flat_hash_set<std::string>* names) {
  const std::vector<bool> seen = CategoriesSeen(column, rows);
  const auto categories = static_cast<int64_t>(std::count(seen.begin(), seen.end(), true));
  const EmbedSizes& sizes = *column.schema.embed;
  return {CategoricalInputName(column.schema.name, names),
          sizes.dimension.value_or(DefaultDimension(categories)),
          sizes.buckets.value_or(DefaultBuckets(categories)), column.schema.numeric};
}

absl::StatusOr<CategoryEncoding> FitClasses(const Table& table) {
  const Column& column = *table.target;
  CategoryEncoding encoding{column.categories};
  if (encoding.categories.size() > kMaxCategories) {
    return TooManyTexts(
        table, column,
        absl::StrCat("the target ", column.schema.name, " has ", encoding.categories.size(),
                     " distinct values, too many for classes (at most ", kMaxCategories, ")"));
  }
  if (encoding.categories.size() < 2) {
    return DataError({table.source}, absl::StrCat("the target ", column.schema.name,
                                                  " has one value only, nothing to tell apart"));
  }
  SortCategories(&encoding.categories);
  return encoding;
}

}  // namespace

absl::StatusOr<Encoding> FitEncoding(const Table& table, absl::Span<const int64_t> rows,
                                     TargetForm form) {
  if (rows.empty()) return DataError({table.source}, "no rows are left to learn from");
  Encoding encoding;
  absl::flat_hash_set<std::string> embedded;  // the names of categorical inputs
  for (const Column& column : table.inputs) {
    InputEncoding input{
        column.schema.name, column.schema.field, {}, column.schema.unit, column.schema.part};
    if (column.schema.kind == ColumnKind::kNumber) {
      ASSIGN_OR_RETURN(input.values, FitNumbers(table, column, rows));
    } else if (column.schema.embed.has_value()) {
      input.values = FitEmbedded(column, rows, &embedded);
    } else {
      ASSIGN_OR_RETURN(input.values, FitCategories(table, column, rows));
    }
    encoding.inputs.push_back(std::move(input));
  }
  const Column& target = *table.target;
  encoding.target = {target.schema.name, target.schema.field, {}, target.schema.unit};
  if (form == TargetForm::kClass) {
    ASSIGN_OR_RETURN(encoding.target.values, FitClasses(table));
  } else if (form == TargetForm::kStandardized) {
    ASSIGN_OR_RETURN(const NumberEncoding numbers, FitNumbers(table, target, rows));
    encoding.target.values = numbers.standardization;
  }
  return encoding;
}

Encoding PlainEncoding(int64_t features, int64_t classes, int64_t target_field) {
  Encoding encoding;
  encoding.named = false;
  encoding.fields = features + 1;
  const NumberEncoding as_it_is{{}, std::numeric_limits<double>::quiet_NaN()};
  for (int64_t field = 0; field < encoding.fields; ++field) {
    if (field == target_field) continue;
    encoding.inputs.push_back({absl::StrCat(field + 1), field, as_it_is});
  }
  encoding.target = {absl::StrCat(target_field + 1), target_field, {}};
  if (classes > 0) {
    CategoryEncoding labels;
    for (int64_t i = 0; i < classes; ++i) labels.categories.push_back(absl::StrCat(i));
    encoding.target.values = std::move(labels);
  }
  return encoding;
}

}  // namespace descent::cli
