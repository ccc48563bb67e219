#include "client/cli/encoding/places.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/descent/error.h"

namespace descent::cli {
namespace {

std::optional<int64_t> Fact(const client::ErrorDetails& details, const char* name) {
  const auto fact = details.metadata.find(name);
  int64_t value = 0;
  if (fact == details.metadata.end() || !absl::SimpleAtoi(fact->second, &value) || value < 0) {
    return std::nullopt;
  }
  return value;
}

// The message from its explanation on, without what it says of the batch: "batch with sequence 7:
// batch.inputs: row 3: expected ..." becomes "expected ...".
absl::string_view Explanation(absl::string_view message) {
  while (true) {
    const size_t colon = message.find(": ");
    if (colon == absl::string_view::npos) return message;
    const absl::string_view head = message.substr(0, colon);
    const bool of_the_batch = absl::StartsWith(head, "batch") || absl::StartsWith(head, "row ") ||
                              absl::StartsWith(head, "inputs") || absl::StartsWith(head, "targets");
    if (!of_the_batch) return message;
    message.remove_prefix(colon + 2);
  }
}

// The explanation without a batch's own place at its end, " at row 3, column 2".
absl::string_view WithoutPlace(absl::string_view text) {
  return text.substr(0, std::min(text.find(" at row "), text.size()));
}

// The column that the error is about; null if it names none.
const ColumnSchema* ColumnOf(const client::ErrorDetails& details, const Dataset& dataset) {
  const auto field = details.metadata.find("field");
  if (field == details.metadata.end()) return nullptr;
  const std::optional<int64_t> feature = Fact(details, "column");
  if (absl::StrContains(field->second, "inputs") && feature.has_value() &&
      *feature < dataset.features) {
    return &dataset.ColumnOf(*feature);
  }
  const bool of_target = absl::StrContains(field->second, "targets") && dataset.target.has_value();
  return of_target ? &*dataset.target : nullptr;
}

// `place` has no column yet; `column` may be null.
absl::Status ServersError(Place place, const absl::Status& error, const ColumnSchema* column,
                          const std::string& model) {
  const client::ErrorDetails details = client::GetErrorDetails(error);
  if (details.reason == "NON_FINITE_ANSWER") {
    const auto answer = details.metadata.find("answer");
    const bool prediction = answer != details.metadata.end() && answer->second == "outputs";
    return NotFinite(place, prediction ? "the prediction" : "the loss", model);
  }
  if (column != nullptr && place.line > 0) place.column = column->field + 1;
  return DataError(place, absl::StrCat(column == nullptr ? "" : absl::StrCat(column->name, ": "),
                                       WithoutPlace(Explanation(error.message()))));
}

}  // namespace

std::optional<int64_t> RowOf(const absl::Status& error) {
  return Fact(client::GetErrorDetails(error), "row");
}

absl::Status AtItsPlace(const absl::Status& error, const Dataset& dataset,
                        absl::Span<const int64_t> rows, const std::string& model) {
  const client::ErrorDetails details = client::GetErrorDetails(error);
  const std::optional<int64_t> row = Fact(details, "row");
  if (!row.has_value() || *row >= static_cast<int64_t>(rows.size())) return error;
  const ColumnSchema* column = ColumnOf(details, dataset);
  const int64_t line = dataset.lines[rows[*row]];
  return ServersError({dataset.source, line}, error, column, model);
}

absl::Status NotFinite(const Place& place, const std::string& what, const std::string& model) {
  return DataError(
      place,
      absl::StrCat(what, " is not a finite number: the numbers of the row are too large, or ",
                   model, " has diverged; ", HowToBeginAnew(model)));
}

std::string HowToBeginAnew(const std::string& model) {
  return absl::StrCat("`descent delete ", model,
                      "` and train it anew with a lower --learning-rate or with --clip-norm, or go "
                      "back to a checkpoint if it has one (`descent checkpoint list ",
                      model, "`)");
}

void RowLines::Add(absl::Span<const int64_t> lines) {
  for (const int64_t line : lines) {
    if (line != last_line_ + 1 || runs_.empty()) runs_.emplace_back(rows_, line);
    last_line_ = line;
    ++rows_;
  }
}

std::optional<int64_t> RowLines::LineOf(int64_t row) const {
  if (row < 0 || row >= rows_) return std::nullopt;
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), row,
                       [](int64_t wanted, const auto& run) { return wanted < run.first; });
  const auto& [first, line] = *std::prev(after);
  return line + (row - first);
}

void EvaluatedRows::Add(const Dataset& dataset, absl::Span<const int64_t> rows) {
  if (pieces_++ == 0) {
    columns_.source = dataset.source;
    columns_.features = dataset.features;
    columns_.target = dataset.target;
    for (const EncodedColumn& column : dataset.inputs) {
      columns_.inputs.push_back({column.schema, column.width, {}, {}});
    }
  }
  for (const int64_t row : rows) lines_.Add({dataset.lines[row]});
}

absl::Status AtItsPlace(const absl::Status& error, const EvaluatedRows& rows,
                        const std::string& model) {
  const client::ErrorDetails details = client::GetErrorDetails(error);
  const std::string& source = rows.columns().source;
  const std::optional<int64_t> row = Fact(details, "row");
  if (!row.has_value()) {
    return details.reason == "NON_FINITE_ANSWER" ? ServersError({source}, error, nullptr, model)
                                                 : error;
  }
  if (*row >= rows.lines().rows()) return error;
  const ColumnSchema* column = ColumnOf(details, rows.columns());
  std::optional<int64_t> rows_before = Fact(details, "rows_before");
  if (!rows_before.has_value() && rows.pieces() == 1) rows_before = 0;
  if (!rows_before.has_value()) return ServersError({source}, error, column, model);
  const std::optional<int64_t> line = rows.lines().LineOf(*rows_before + *row);
  return line.has_value() ? ServersError({source, *line}, error, column, model) : error;
}

}  // namespace descent::cli
