// Opens a table for reading record by record, whatever its format.

#ifndef CLIENT_CLI_TABLES_RECORD_FILES_H_
#define CLIENT_CLI_TABLES_RECORD_FILES_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/text/csv_reader.h"
#include "client/cli/text/record_reader.h"
#include "client/cli/text/text_source.h"

namespace descent::cli {

// Reads the source from where it stands. `csv` is how it is laid out if it is CSV. `wanted` are the
// names that are to be columns even where a record does not have them, in a format that may leave
// them out; without any, such a file's columns are found out as they come.
absl::StatusOr<std::unique_ptr<RecordReader>> OpenRecords(
    std::unique_ptr<TextSource> source, const CsvOptions& csv,
    std::optional<std::vector<std::string>> wanted);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TABLES_RECORD_FILES_H_
