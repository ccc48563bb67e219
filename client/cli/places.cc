#include "client/cli/places.h"

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

absl::Status ServersError(const Place& place, const absl::Status& error, const std::string& column,
                          const std::string& model) {
  const client::ErrorDetails details = client::GetErrorDetails(error);
  if (details.reason == "NON_FINITE_ANSWER") {
    const auto answer = details.metadata.find("answer");
    const bool prediction = answer != details.metadata.end() && answer->second == "outputs";
    return NotFinite(place, prediction ? "the prediction" : "the loss", model);
  }
  return DataError(place, absl::StrCat(column.empty() ? "" : absl::StrCat(column, ": "),
                                       WithoutPlace(Explanation(error.message()))));
}

}  // namespace

absl::Status AtItsPlace(const absl::Status& error, const Dataset& dataset,
                        absl::Span<const int64_t> rows, const std::string& model) {
  const client::ErrorDetails details = client::GetErrorDetails(error);
  const std::optional<int64_t> row = Fact(details, "row");
  if (!row.has_value() || *row >= static_cast<int64_t>(rows.size())) return error;
  const auto field = details.metadata.find("field");
  const std::string name = field == details.metadata.end() ? "" : field->second;
  const std::optional<int64_t> feature = Fact(details, "column");
  const ColumnSchema* column = nullptr;
  if (absl::StrContains(name, "inputs") && feature.has_value() && *feature < dataset.features) {
    column = &dataset.ColumnOf(*feature);
  } else if (absl::StrContains(name, "targets") && dataset.target.has_value()) {
    column = &*dataset.target;
  }
  const int64_t line = dataset.lines[rows[*row]];
  if (column == nullptr) return ServersError({dataset.source, line}, error, "", model);
  return ServersError(dataset.PlaceOf(rows[*row], *column), error, column->name, model);
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

absl::Status AtItsPlace(const absl::Status& error, const std::string& source, const RowLines& lines,
                        const std::string& model) {
  const client::ErrorDetails details = client::GetErrorDetails(error);
  const std::optional<int64_t> row = Fact(details, "row");
  const std::optional<int64_t> rows_before = Fact(details, "rows_before");
  if (!row.has_value() || !rows_before.has_value()) {
    return details.reason == "NON_FINITE_ANSWER" ? ServersError({source}, error, "", model) : error;
  }
  const std::optional<int64_t> line = lines.LineOf(*rows_before + *row);
  return line.has_value() ? ServersError({source, *line}, error, "", model) : error;
}

}  // namespace descent::cli
