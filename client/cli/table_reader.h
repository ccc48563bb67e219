// From a CSV file to a Table, in two passes: the first finds out what the columns hold, the second
// reads them as that. So memory holds parsed cells only, and later files are read as the first was.

#ifndef CLIENT_CLI_TABLE_READER_H_
#define CLIENT_CLI_TABLE_READER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/csv_reader.h"
#include "client/cli/table.h"

namespace descent::cli {

// Reads the whole file. A column holds numbers if every cell that isn't missing is a finite number,
// and categories otherwise. A data error if a record can't be parsed or there is none.
absl::StatusOr<std::vector<ColumnSchema>> InferColumns(const std::string& path,
                                                       const CsvOptions& options);

// Finds a column by its name, or else by its number from 1. A usage error if there is none;
// `option` is what the user called it with.
absl::StatusOr<size_t> FindColumn(const std::vector<ColumnSchema>& columns,
                                  absl::string_view name_or_number, absl::string_view option);

class TableReader {
 public:
  // Every field of the schema must be one of the reader's columns.
  TableReader(CsvReader reader, TableSchema schema);

  // The next rows, at most `max_rows`; none at the end. A data error if a cell of a numeric column
  // is no number, or a target is missing.
  absl::StatusOr<Table> Read(int64_t max_rows);

 private:
  class Dictionary;

  // Adds a column's cell of record_ to it.
  absl::Status Append(Column* column, Dictionary* dictionary);

  CsvReader reader_;
  TableSchema schema_;
  CsvRecord record_;
};

// The whole file at once.
absl::StatusOr<Table> ReadTable(const std::string& path, const CsvOptions& options,
                                const TableSchema& schema);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TABLE_READER_H_
