// Rows of typed columns as they come from a file or a generator, before they are encoded for a
// network.

#ifndef CLIENT_CLI_TABLES_TABLE_H_
#define CLIENT_CLI_TABLES_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cli/failure.h"
#include "client/cli/text/cells.h"
#include "client/cli/text/dates.h"

namespace descent::cli {

enum class ColumnKind { kNumber, kCategory };

// Of the table of vectors that a column's categories become: what was asked for.
struct EmbedSizes {
  std::optional<int64_t> dimension;
  std::optional<int64_t> buckets;
};

struct ColumnSchema {
  std::string name;  // of the field
  ColumnKind kind = ColumnKind::kNumber;
  int64_t field = 0;  // which field of a record it is, from 0

  // kNumber: what every number of the column is written with, such as "%" or "$".
  std::string unit = {};
  // kNumber: which of the numbers that the field's date becomes. Several columns, one field.
  DatePart part = DatePart::kNone;
  // kCategory: every category is a number, so that equal numbers are one category, however they are
  // spelled, and called as SpellNumber has it. (Of a kNumber: would be so if it were taken as one.)
  bool numeric = false;
  // kCategory: is to be one categorical input, rather than an input for each category.
  std::optional<EmbedSizes> embed = {};
};

// The column's name; with its part, if it is one of several of a field: "day.year_sin".
std::string FullName(const ColumnSchema& column);

struct TableSchema {
  std::vector<ColumnSchema> inputs;
  std::optional<ColumnSchema> target;
  std::vector<int64_t> kept = {};  // fields whose cells are wanted as they are, inputs or not
};

struct Column {
  ColumnSchema schema;
  std::vector<double> numbers;          // kNumber, one a row; NaN where the cell is missing
  std::vector<int32_t> codes;           // kCategory, one a row; indices into `categories`
  std::vector<std::string> categories;  // kCategory, in order of appearance
};

// That of columns no row had a value, for a note; empty if there are none.
std::string UnseenText(const std::vector<std::string>& columns);

// Rows that are left out because their target is missing.
struct RowsWithoutTarget {
  int64_t rows = 0;
  Place first;

  void Add(const RowsWithoutTarget& more);
  // For a note; empty if there are none.
  std::string Text() const;
};

struct Table {
  std::string source;          // the file's or generator's name
  std::vector<int64_t> lines;  // one a row: where it stands in the source
  std::vector<Column> inputs;
  std::optional<Column> target;
  RowsWithoutTarget without_target;            // not among the rows
  std::vector<std::vector<std::string>> kept;  // the cells of each kept field
  std::vector<std::string> unseen;  // columns that no row of the source has had until now

  int64_t rows() const { return static_cast<int64_t>(lines.size()); }
  Place PlaceOf(int64_t row, const Column& column) const;
  // A data error that says why, if it has no rows though the whole source was read.
  absl::Status CheckRows() const;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_TABLES_TABLE_H_
