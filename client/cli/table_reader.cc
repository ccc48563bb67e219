#include "client/cli/table_reader.h"

#include <limits>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/status_macros.h"

namespace descent::cli {

absl::StatusOr<std::vector<ColumnSchema>> InferColumns(const std::string& path,
                                                       const CsvOptions& options) {
  if (path == "-") {
    return UsageError("the file to learn from is read twice, so it can't be standard input");
  }
  ASSIGN_OR_RETURN(CsvReader reader, CsvReader::Open(path, options));
  std::vector<ColumnSchema> columns;
  for (const std::string& name : reader.columns()) {
    columns.push_back({name, ColumnKind::kNumber, static_cast<int64_t>(columns.size())});
  }

  CsvRecord record;
  bool empty = true;
  while (true) {
    ASSIGN_OR_RETURN(const bool any, reader.Next(&record));
    if (!any) break;
    empty = false;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].kind == ColumnKind::kCategory || IsMissing(record.fields[i])) continue;
      if (!ParseNumber(record.fields[i]).has_value()) columns[i].kind = ColumnKind::kCategory;
    }
  }
  if (empty) return DataError({reader.name()}, "the file holds no rows but its header");
  return columns;
}

absl::StatusOr<size_t> FindColumn(const std::vector<ColumnSchema>& columns,
                                  absl::string_view name_or_number, absl::string_view option) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name_or_number) return i;
  }
  size_t number = 0;
  if (absl::SimpleAtoi(name_or_number, &number) && number >= 1 && number <= columns.size()) {
    return number - 1;
  }
  return UsageError(absl::StrCat(option, ": no column is called \"", name_or_number,
                                 "\", nor is it a number from 1 to ", columns.size()));
}

TableReader::TableReader(CsvReader reader, TableSchema schema)
    : reader_(std::move(reader)), schema_(std::move(schema)) {}

// The categories of one column seen so far and their codes.
class TableReader::Dictionary {
 public:
  int32_t CodeOf(absl::string_view category, std::vector<std::string>* categories) {
    const auto [entry, is_new] =
        codes_.try_emplace(category, static_cast<int32_t>(categories->size()));
    if (is_new) categories->emplace_back(category);
    return entry->second;
  }

 private:
  absl::flat_hash_map<std::string, int32_t> codes_;
};

absl::StatusOr<Table> TableReader::Read(int64_t max_rows) {
  Table table;
  table.source = reader_.name();
  for (const ColumnSchema& schema : schema_.inputs) table.inputs.push_back({schema, {}, {}, {}});
  if (schema_.target.has_value()) table.target = Column{*schema_.target, {}, {}, {}};
  std::vector<Dictionary> dictionaries(table.inputs.size() + 1);

  while (table.rows() < max_rows) {
    ASSIGN_OR_RETURN(const bool any, reader_.Next(&record_));
    if (!any) break;
    table.lines.push_back(record_.line);
    for (size_t i = 0; i < table.inputs.size(); ++i) {
      RETURN_IF_ERROR(Append(&table.inputs[i], &dictionaries[i]));
    }
    if (table.target.has_value()) {
      const int64_t field = table.target->schema.field;
      if (IsMissing(record_.fields[field])) {
        return DataError(reader_.PlaceOf(record_, field),
                         absl::StrCat("the target ", table.target->schema.name, " is missing"));
      }
      RETURN_IF_ERROR(Append(&*table.target, &dictionaries.back()));
    }
  }
  return table;
}

absl::Status TableReader::Append(Column* column, Dictionary* dictionary) {
  const int64_t field = column->schema.field;
  const std::string& cell = record_.fields[field];
  const bool missing = IsMissing(cell);
  if (column->schema.kind == ColumnKind::kCategory) {
    const absl::string_view category = missing ? kMissingCategory : absl::string_view(cell);
    column->codes.push_back(dictionary->CodeOf(category, &column->categories));
    return absl::OkStatus();
  }
  if (missing) {
    column->numbers.push_back(std::numeric_limits<double>::quiet_NaN());
    return absl::OkStatus();
  }
  const std::optional<double> number = ParseNumber(cell);
  if (!number.has_value()) {
    return DataError(reader_.PlaceOf(record_, field),
                     absl::StrCat(column->schema.name, " holds numbers, and \"", cell,
                                  "\" is not a finite number"));
  }
  column->numbers.push_back(*number);
  return absl::OkStatus();
}

absl::StatusOr<Table> ReadTable(const std::string& path, const CsvOptions& options,
                                const TableSchema& schema) {
  ASSIGN_OR_RETURN(CsvReader reader, CsvReader::Open(path, options));
  return TableReader(std::move(reader), schema).Read(std::numeric_limits<int64_t>::max());
}

}  // namespace descent::cli
