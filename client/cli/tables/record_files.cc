#include "client/cli/tables/record_files.h"

#include <utility>

#include "client/cli/arrays/array_reader.h"
#include "client/cli/status_macros.h"
#include "client/cli/text/json_lines_reader.h"

namespace descent::cli {

absl::StatusOr<std::unique_ptr<RecordReader>> OpenRecords(
    std::unique_ptr<TextSource> source, const CsvOptions& csv,
    std::optional<std::vector<std::string>> wanted) {
  switch (source->format()) {
    case FileFormat::kJsonLines:
      return JsonLinesReader::Begin(std::move(source), std::move(wanted));
    case FileFormat::kNpy:
      return ArrayReader::BeginNpy(std::move(source));
    case FileFormat::kNpz:
      return ArrayReader::BeginNpz(std::move(source));
    case FileFormat::kCsv:
      break;
  }
  ASSIGN_OR_RETURN(CsvReader reader, CsvReader::Begin(std::move(source), csv));
  return std::make_unique<CsvReader>(std::move(reader));
}

}  // namespace descent::cli
