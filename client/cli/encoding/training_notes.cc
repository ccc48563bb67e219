#include "client/cli/encoding/training_notes.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/encoding/embedding.h"
#include "client/cli/encoding/standardization.h"
#include "client/cli/format.h"

namespace descent::cli {
namespace {

std::vector<double> ValuesOf(const Column& column, absl::Span<const int64_t> rows) {
  std::vector<double> values;
  values.reserve(rows.size());
  for (const int64_t row : rows) {
    if (!std::isnan(column.numbers[row])) values.push_back(column.numbers[row]);
  }
  return values;
}

// "columns a and b are", "column a is"; of more than five, how many.
std::string Columns(const std::vector<std::string>& names, const char* one, const char* more) {
  return names.size() == 1 ? absl::StrCat("column ", Shortened(names[0]), " ", one)
                           : absl::StrCat("columns ", SomeOf(names), " ", more);
}

void AddWideColumns(const Encoding& encoding, std::vector<std::string>* notes) {
  constexpr int64_t kMany = 100;
  constexpr size_t kShown = 3;
  std::vector<std::pair<int64_t, std::string>> wide;
  for (const InputEncoding& input : encoding.inputs) {
    if (input.width() >= kMany) wide.emplace_back(input.width(), input.name);
  }
  std::stable_sort(wide.begin(), wide.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  if (wide.size() > kShown) wide.resize(kShown);
  for (const auto& [width, name] : wide) {
    notes->push_back(absl::StrCat("column ", Shortened(name), " makes ", FormatCount(width),
                                  " of the ", FormatCount(encoding.features()),
                                  " inputs, one for each of its texts; --embed ", Shortened(name),
                                  " makes it one categorical input, --ignore ", Shortened(name),
                                  " leaves it out"));
  }
}

int64_t DistinctCodes(const Column& column, absl::Span<const int64_t> rows) {
  std::vector<bool> seen(column.categories.size());
  for (const int64_t row : rows) seen[column.codes[row]] = true;
  return std::count(seen.begin(), seen.end(), true);
}

// Of each column that is embedded, and whether its table is large enough.
void AddEmbeddedColumns(const Table& table, absl::Span<const int64_t> rows,
                        const Encoding& encoding, std::vector<std::string>* notes) {
  for (size_t i = 0; i < table.inputs.size() && i < encoding.inputs.size(); ++i) {
    const auto* embedded = std::get_if<EmbeddedEncoding>(&encoding.inputs[i].values);
    if (embedded == nullptr) continue;
    const int64_t categories = DistinctCodes(table.inputs[i], rows);
    const std::string name = Shortened(encoding.inputs[i].name);
    notes->push_back(absl::StrCat(
        "column ", name, " is one categorical input: its ", FormatCount(categories),
        categories == 1 ? " category becomes a vector of " : " categories become vectors of ",
        FormatCount(embedded->dimension), embedded->dimension == 1 ? " number" : " numbers",
        ", and share ", FormatCount(embedded->buckets), " rows of a table with those to come"));
    if (embedded->buckets >= 2 * categories) continue;
    notes->push_back(absl::StrCat(
        "the table of ", name, " has so few rows for its categories that many share one; --embed ",
        name, ":", embedded->dimension, ":", DefaultBuckets(categories), " has room"));
  }
}

}  // namespace

void AddNotes(const Table& table, absl::Span<const int64_t> training_rows, const Encoding& encoding,
              std::vector<std::string>* notes) {
  const Column& target = *table.target;
  if (target.schema.kind == ColumnKind::kNumber) {
    const std::vector<double> values = ValuesOf(target, training_rows);
    if (!values.empty() && IsConstant(values)) {
      notes->push_back(absl::StrCat("the target ", Shortened(target.schema.name), " is ",
                                    values.front(),
                                    " in every row to learn from: there is nothing to learn"));
    }
  }
  std::vector<std::string> constant;
  std::vector<std::string> coarse;
  for (const Column& column : table.inputs) {
    if (column.schema.kind == ColumnKind::kCategory) continue;
    const std::vector<double> values = ValuesOf(column, training_rows);
    if (values.empty()) continue;
    if (IsConstant(values)) constant.push_back(column.schema.name);
    if (LoseUnits(values)) coarse.push_back(column.schema.name);
  }
  if (!constant.empty()) {
    notes->push_back(absl::StrCat(Columns(constant, "holds", "hold"),
                                  " one value only, and nothing is learnt from ",
                                  constant.size() == 1 ? "it" : "them"));
  }
  if (!coarse.empty()) {
    notes->push_back(absl::StrCat(
        Columns(coarse, "holds", "hold"),
        " whole numbers above 9,007,199,254,740,992 (2^53), where neighbours are the same number "
        "to a computer; --ignore leaves a column out"));
  }
  AddWideColumns(encoding, notes);
  AddEmbeddedColumns(table, training_rows, encoding, notes);
}

}  // namespace descent::cli
