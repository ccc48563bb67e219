#include "client/cli/tables/table.h"

#include "absl/strings/str_cat.h"
#include "client/cli/format.h"

namespace descent::cli {

std::string FullName(const ColumnSchema& column) {
  if (column.part == DatePart::kNone) return column.name;
  return absl::StrCat(column.name, ".", NameOf(column.part));
}

std::string UnseenText(const std::vector<std::string>& columns) {
  if (columns.empty()) return "";
  return absl::StrCat("no row says ", SomeOf(columns), ": taken for missing in all of them");
}

void RowsWithoutTarget::Add(const RowsWithoutTarget& more) {
  if (rows == 0) first = more.first;
  rows += more.rows;
}

std::string RowsWithoutTarget::Text() const {
  if (rows == 0) return "";
  return absl::StrCat("left out: ", FormatCount(rows), rows == 1 ? " row" : " rows",
                      " without a target, the first at ", ToString(first));
}

Place Table::PlaceOf(int64_t row, const Column& column) const {
  return {source, lines[row], column.schema.field + 1};
}

absl::Status Table::CheckRows() const {
  if (rows() > 0) return absl::OkStatus();
  return DataError({source}, without_target.rows > 0 ? "every row's target is missing"
                                                     : "the file holds no rows but its header");
}

}  // namespace descent::cli
