#include "client/cli/tables/table_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"
#include "client/cli/text/dates.h"

namespace descent::cli {

TableReader::TableReader(std::unique_ptr<RecordReader> reader, TableSchema schema, CellFormat cells)
    : reader_(std::move(reader)), schema_(std::move(schema)), cells_(std::move(cells)) {}

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
  absl::Status problem;
  Table table = ReadUntil(&problem, max_rows);
  if (!problem.ok()) return problem;
  return table;
}

Table TableReader::ReadUntil(absl::Status* problem, int64_t max_rows) {
  Table table;
  table.source = reader_->name();
  for (const ColumnSchema& schema : schema_.inputs) table.inputs.push_back({schema, {}, {}, {}});
  if (schema_.target.has_value()) table.target = Column{*schema_.target, {}, {}, {}};
  table.kept.resize(schema_.kept.size());
  std::vector<Dictionary> dictionaries(table.inputs.size() + 1);

  while (problem->ok() && table.rows() < max_rows) {
    const absl::StatusOr<bool> any = reader_->Next(&record_);
    if (!any.ok() || !*any) {
      *problem = any.status();
      break;
    }
    if (HasTarget()) {
      *problem = AppendRow(&table, &dictionaries);
    } else {
      table.without_target.Add({1, reader_->PlaceOf(record_, schema_.target->field)});
    }
  }
  table.unseen = UnseenColumns();
  return table;
}

absl::Status TableReader::AppendRow(Table* table, std::vector<Dictionary>* dictionaries) {
  absl::Status status;
  for (size_t i = 0; status.ok() && i < table->inputs.size(); ++i) {
    status = Append(&table->inputs[i], &(*dictionaries)[i]);
  }
  if (status.ok() && table->target.has_value()) {
    status = Append(&*table->target, &dictionaries->back());
  }
  if (!status.ok()) {
    // The target is the last to be appended, so it has nothing of this row.
    for (Column& column : table->inputs) {
      column.numbers.resize(std::min(column.numbers.size(), table->lines.size()));
      column.codes.resize(std::min(column.codes.size(), table->lines.size()));
    }
    return status;
  }
  table->lines.push_back(record_.line);
  for (size_t i = 0; i < schema_.kept.size(); ++i) {
    table->kept[i].push_back(record_.fields[schema_.kept[i]]);
  }
  return absl::OkStatus();
}

std::vector<std::string> TableReader::UnseenColumns() const {
  std::vector<std::string> unseen = reader_->Unseen();
  const auto is_read = [this](const std::string& name) {
    const auto is_it = [&](const ColumnSchema& schema) {
      return reader_->columns()[schema.field] == name;
    };
    return absl::c_any_of(schema_.inputs, is_it) ||
           (schema_.target.has_value() && is_it(*schema_.target));
  };
  unseen.erase(std::remove_if(unseen.begin(), unseen.end(),
                              [&](const std::string& name) { return !is_read(name); }),
               unseen.end());
  return unseen;
}

bool TableReader::HasTarget() const {
  if (!schema_.target.has_value()) return true;
  const std::string& cell = record_.fields[schema_.target->field];
  const bool texts = schema_.target->kind == ColumnKind::kCategory && !schema_.target->numeric;
  return texts ? !IsMissingText(cell, cells_) : !IsMissingNumber(cell, cells_);
}

absl::Status TableReader::Append(Column* column, Dictionary* dictionary) {
  const ColumnSchema& schema = column->schema;
  const std::string& cell = record_.fields[schema.field];
  if (schema.kind == ColumnKind::kCategory) {
    std::string spelled;
    absl::string_view category = cell;
    const std::optional<Quantity> quantity =
        schema.numeric ? ReadQuantity(cell, cells_) : std::nullopt;
    const bool missing =
        quantity.has_value() ? std::isnan(quantity->number) : IsMissingText(cell, cells_);
    if (missing) {
      category = kMissingCategory;
    } else if (quantity.has_value()) {
      category = spelled = SpellNumber(quantity->number);
    }
    column->codes.push_back(dictionary->CodeOf(category, &column->categories));
    return absl::OkStatus();
  }
  const bool date = schema.part != DatePart::kNone;
  ASSIGN_OR_RETURN(const double number, date ? DatePartOf(schema, cell) : NumberOf(schema, cell));
  column->numbers.push_back(number);
  return absl::OkStatus();
}

absl::StatusOr<double> TableReader::NumberOf(const ColumnSchema& schema,
                                             const std::string& cell) const {
  const std::optional<Quantity> quantity = ReadQuantity(cell, cells_);
  if (!quantity.has_value()) {
    return CellError(schema, absl::StrCat(Shortened(schema.name), " holds numbers, and \"",
                                          Shortened(cell), "\" is not a finite number"));
  }
  if (quantity->unit != schema.unit && !std::isnan(quantity->number)) {
    return CellError(schema, absl::StrCat(Shortened(schema.name), " holds numbers with ",
                                          schema.unit.empty() ? "no sign" : schema.unit, ", not \"",
                                          Shortened(cell), "\""));
  }
  return quantity->number;
}

absl::StatusOr<double> TableReader::DatePartOf(const ColumnSchema& schema,
                                               const std::string& cell) const {
  if (IsMissingNumber(cell, cells_)) return std::numeric_limits<double>::quiet_NaN();
  const std::optional<Date> date = ParseDate(cell);
  if (date.has_value()) return ValueOf(*date, schema.part);
  return CellError(schema, absl::StrCat(Shortened(schema.name), " holds dates, and \"",
                                        Shortened(cell), "\" is none such as 2024-12-31"));
}

absl::Status TableReader::CellError(const ColumnSchema& schema, absl::string_view message) const {
  return DataError(reader_->PlaceOf(record_, schema.field), message);
}

absl::StatusOr<Table> ReadTable(const std::string& path, const CsvOptions& options,
                                const TableSchema& schema) {
  ASSIGN_OR_RETURN(CsvReader reader, CsvReader::Open(path, options));
  return TableReader(std::make_unique<CsvReader>(std::move(reader)), schema, options.cells)
      .Read(std::numeric_limits<int64_t>::max());
}

}  // namespace descent::cli
