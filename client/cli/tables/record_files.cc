#include "client/cli/tables/record_files.h"

#include <utility>

#include "client/cli/status_macros.h"
#include "client/cli/text/json_lines_reader.h"

namespace descent::cli {

absl::StatusOr<std::unique_ptr<RecordReader>> OpenRecords(
    std::unique_ptr<TextSource> source, const CsvOptions& csv,
    std::optional<std::vector<std::string>> wanted) {
  if (source->format() == FileFormat::kJsonLines) {
    ASSIGN_OR_RETURN(std::unique_ptr<RecordReader> lines,
                     JsonLinesReader::Begin(std::move(source), std::move(wanted)));
    return lines;
  }
  ASSIGN_OR_RETURN(CsvReader reader, CsvReader::Begin(std::move(source), csv));
  return std::make_unique<CsvReader>(std::move(reader));
}

}  // namespace descent::cli
