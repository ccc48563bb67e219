// From records to a Table.

#ifndef CLIENT_CLI_TABLES_TABLE_READER_H_
#define CLIENT_CLI_TABLES_TABLE_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/tables/table.h"
#include "client/cli/text/csv_reader.h"
#include "client/cli/text/record_reader.h"

namespace descent::cli {

class TableReader {
 public:
  // Every field of the schema must be one of the reader's columns. `cells` is how they are written.
  TableReader(std::unique_ptr<RecordReader> reader, TableSchema schema, CellFormat cells);

  // The next rows, at most `max_rows`; none at the end. Rows whose target is missing are left out
  // and counted. A data error if a cell of a numeric column is neither missing nor a number with
  // the column's unit, or one of a column of dates no date.
  absl::StatusOr<Table> Read(int64_t max_rows);

  // The same of the rows before the one that is at fault, whose error *problem becomes; after one
  // the reader must not be used again.
  Table ReadUntil(absl::Status* problem, int64_t max_rows);

 private:
  class Dictionary;

  // Adds record_ to the table, or nothing if it can't be.
  absl::Status AppendRow(Table* table, std::vector<Dictionary>* dictionaries);
  // Adds a column's cell of record_ to it.
  absl::Status Append(Column* column, Dictionary* dictionary);
  absl::StatusOr<double> NumberOf(const ColumnSchema& schema, const std::string& cell) const;
  absl::StatusOr<double> DatePartOf(const ColumnSchema& schema, const std::string& cell) const;
  bool HasTarget() const;
  // Of the columns that are read, those that no record has had.
  std::vector<std::string> UnseenColumns() const;
  absl::Status CellError(const ColumnSchema& schema, absl::string_view message) const;

  std::unique_ptr<RecordReader> reader_;
  TableSchema schema_;
  CellFormat cells_;
  Record record_;
};

// The whole CSV file at once.
absl::StatusOr<Table> ReadTable(const std::string& path, const CsvOptions& options,
                                const TableSchema& schema);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TABLES_TABLE_READER_H_
