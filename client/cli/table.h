// Rows of typed columns as they come from a file or a generator, before they are encoded for a
// network.

#ifndef CLIENT_CLI_TABLE_H_
#define CLIENT_CLI_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/cli/failure.h"

namespace descent::cli {

enum class ColumnKind { kNumber, kCategory };

// What a cell means. An empty cell and `?` are missing.
bool IsMissing(absl::string_view cell);
// The finite number a cell spells out, if it is one.
std::optional<double> ParseNumber(absl::string_view cell);

// How a missing category is called: it is a category like any other.
inline constexpr absl::string_view kMissingCategory = "?";

struct ColumnSchema {
  std::string name;
  ColumnKind kind = ColumnKind::kNumber;
  int64_t field = 0;  // which field of a record it is, from 0
};

struct TableSchema {
  std::vector<ColumnSchema> inputs;
  std::optional<ColumnSchema> target;
};

struct Column {
  ColumnSchema schema;
  std::vector<double> numbers;          // kNumber, one a row; NaN where the cell is missing
  std::vector<int32_t> codes;           // kCategory, one a row; indices into `categories`
  std::vector<std::string> categories;  // kCategory, in order of appearance
};

struct Table {
  std::string source;          // the file's or generator's name
  std::vector<int64_t> lines;  // one a row: where it stands in the source
  std::vector<Column> inputs;
  std::optional<Column> target;

  int64_t rows() const { return static_cast<int64_t>(lines.size()); }
  Place PlaceOf(int64_t row, const Column& column) const;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_TABLE_H_
