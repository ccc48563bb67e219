#include "client/cli/table.h"

#include <cmath>

#include "absl/strings/numbers.h"

namespace descent::cli {

bool IsMissing(absl::string_view cell) { return cell.empty() || cell == kMissingCategory; }

std::optional<double> ParseNumber(absl::string_view cell) {
  double value = 0;
  if (!absl::SimpleAtod(cell, &value) || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

Place Table::PlaceOf(int64_t row, const Column& column) const {
  return {source, lines[row], column.schema.field + 1};
}

}  // namespace descent::cli
