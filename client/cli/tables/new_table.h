// The file that a new model learns from: what it holds, which of its columns are learnt from and
// which is the target.

#ifndef CLIENT_CLI_TABLES_NEW_TABLE_H_
#define CLIENT_CLI_TABLES_NEW_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/tables/file_inference.h"
#include "client/cli/tables/table.h"

namespace descent::cli {

struct NewTableOptions {
  std::string csv;                   // "-" is standard input
  std::string target;                // column by name or number; empty: the last
  std::vector<std::string> ignored;  // columns by name or number
  std::vector<std::string>
      categorical;                    // columns whose cells are categories whatever they look like
  std::vector<std::string> embedded;  // columns of categories, with sizes (embed_option.h)
  FileOptions file = {};
  std::optional<ColumnKind> target_kind = {};  // what the loss wants; unset: what the column is
};

struct NewTable {
  Table table;
  CsvOptions csv;
  int64_t fields = 0;              // of each record
  std::vector<std::string> notes;  // what the user should know of how the file was taken
};

// Finds a column by its name, or else by its number from 1. A usage error if there is none;
// `option` is what the user called it with.
absl::StatusOr<size_t> FindColumn(const std::vector<std::string>& names,
                                  absl::string_view name_or_number, absl::string_view option);

// Reads the file. Left out are, with a note, a first column without a name that says which row it
// is, and columns that hold nothing. A column of dates becomes several of numbers. A data error if
// a column that is to be learnt from has a problem (column_probe.h), a usage error if an option
// names no column, or one to embed is none of categories.
absl::StatusOr<NewTable> ReadNewTable(const NewTableOptions& options);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TABLES_NEW_TABLE_H_
