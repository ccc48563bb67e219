// What --embed says of a column: COLUMN, COLUMN:DIMENSION or COLUMN:DIMENSION:BUCKETS.

#ifndef CLIENT_CLI_TABLES_EMBED_OPTION_H_
#define CLIENT_CLI_TABLES_EMBED_OPTION_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/tables/table.h"

namespace descent::cli {

struct EmbedOption {
  size_t column = 0;  // as `find` has it
  EmbedSizes sizes;
};

// Finds a column by its name or number; an error if there is none.
using ColumnFinder = std::function<absl::StatusOr<size_t>(const std::string& name_or_number)>;

// As a column's name may hold colons, what `find` knows decides where it ends: the longest name
// that it has. A usage error if it has none, or if a size is no whole number from 1 to 2^31 - 1.
absl::StatusOr<EmbedOption> ParseEmbed(const std::string& text, const ColumnFinder& find);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TABLES_EMBED_OPTION_H_
