#include "client/cli/commands/row_source.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands/file_options.h"
#include "client/cli/commands/help.h"
#include "client/cli/encoding/known_file.h"
#include "client/cli/failure.h"
#include "client/cli/status_macros.h"
#include "client/cli/tables/new_table.h"

namespace descent::cli {

void AddRowOptions(CLI::App* command, RowOptions* options) {
  constexpr char kGroup[] = "Rows (--csv or --row)";
  CLI::Option* csv = command->add_option(
      "--csv", options->csv,
      "A file of rows (CSV, JSON lines, npy, npz; plain, gzip or zstd); - is standard input");
  csv->option_text("FILE")->group(kGroup);
  CLI::Option* row = command->add_option(
      "--row", options->rows, "A row such as 1,2,red, columns in their order; repeatable");
  row->option_text("CELLS")->allow_extra_args(false)->group(kGroup);
  AddFileOptions(command, &options->file);
  command->parse_complete_callback([csv, row] { RequireOne(csv, row); });
}

bool CanBeReadAgain(const RowOptions& options) {
  std::error_code error;
  return std::filesystem::is_regular_file(options.csv, error);
}

namespace {

// Rows on the command line have no header and no charset of their own.
absl::Status CheckRowOptions(const RowOptions& options) {
  if (!options.csv.empty()) return absl::OkStatus();
  if (options.file.format.has_value()) {
    return UsageError("--format goes with --csv alone: it says nothing of a --row");
  }
  const char* given = options.file.header.has_value()
                          ? (*options.file.header ? "--header" : "--no-header")
                          : (options.file.charset.empty() ? nullptr : "--encoding");
  if (given == nullptr) return absl::OkStatus();
  return UsageError(absl::StrCat(given, " goes with --csv alone: it says nothing of a --row"));
}

}  // namespace

absl::StatusOr<RowSource> RowSource::Open(const RowOptions& options, const Encoding& encoding,
                                          const NumberTerms& terms, bool with_target) {
  RETURN_IF_ERROR(CheckRowOptions(options));
  FileOptions file = options.file;
  if (options.csv.empty()) file.header = false;
  absl::StatusOr<KnownFile> known =
      options.csv.empty()
          ? OpenKnown(TextSource::OfText("--row", absl::StrJoin(options.rows, "\n")), file,
                      encoding)
          : OpenKnown(options.csv, file, encoding);
  RETURN_IF_ERROR(known.status());
  const std::vector<std::string>& columns = known->reader->columns();
  std::vector<int64_t> fields;
  std::vector<std::string> kept;
  for (const std::string& name : options.keep) {
    ASSIGN_OR_RETURN(const size_t column, FindColumn(columns, name, "--keep"));
    fields.push_back(static_cast<int64_t>(column));
    kept.push_back(columns[column]);
  }
  ASSIGN_OR_RETURN(TableReader reader,
                   RowsOf(*std::move(known), encoding, with_target, std::move(fields)));
  return RowSource(std::move(reader), encoding, terms, std::move(kept));
}

RowSource::RowSource(TableReader reader, const Encoding& encoding, NumberTerms terms,
                     std::vector<std::string> kept)
    : reader_(std::move(reader)),
      encoding_(&encoding),
      terms_(std::move(terms)),
      kept_(std::move(kept)) {}

Dataset RowSource::ReadUntil(absl::Status* problem, int64_t max_rows) {
  Table table = reader_.ReadUntil(problem, max_rows);
  without_target_.Add(table.without_target);
  unseen_ = table.unseen;
  // Nothing to predict is no fault, but there is no loss of nothing.
  if (problem->ok() && !begun_ && table.target.has_value()) *problem = table.CheckRows();
  begun_ = true;
  absl::Status not_encoded;
  Dataset dataset = EncodeUntil(&not_encoded, *encoding_, std::move(table), terms_, &unknown_);
  // A row that can't be encoded has been read, so it stands before one that can't be.
  if (!not_encoded.ok()) *problem = std::move(not_encoded);
  return dataset;
}

absl::StatusOr<Dataset> RowSource::Read(int64_t max_rows) {
  absl::Status problem;
  Dataset dataset = ReadUntil(&problem, max_rows);
  if (!problem.ok()) return problem;
  return dataset;
}

absl::StatusOr<Dataset> RowSource::ReadSound(int64_t max_rows) {
  RETURN_IF_ERROR(problem_);
  Dataset dataset = ReadUntil(&problem_, max_rows);
  if (dataset.rows == 0 && !problem_.ok()) return problem_;
  return dataset;
}

}  // namespace descent::cli
