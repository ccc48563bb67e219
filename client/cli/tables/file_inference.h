// Reads a file through and finds out how it is written and what its columns hold.

#ifndef CLIENT_CLI_TABLES_FILE_INFERENCE_H_
#define CLIENT_CLI_TABLES_FILE_INFERENCE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/tables/column_probe.h"
#include "client/cli/text/csv_reader.h"
#include "client/cli/text/file_format.h"
#include "client/cli/text/text_source.h"

namespace descent::cli {

// How a file is written, as far as the user says it; what is not set is found out, or as it was in
// the file that a model first learnt from.
struct FileOptions {
  std::optional<FileFormat> format;
  std::optional<bool> header;
  std::optional<char> delimiter;
  std::optional<char> decimal;
  std::optional<char> thousands;
  std::string charset;
  std::vector<std::string> missing;
  std::vector<std::string> not_missing;

  // The first of these options that was given, such as "--delimiter"; empty if none was.
  std::string FirstGiven() const;
};

// A usage error if the signs of numbers are the same, or a word is said to be missing and not, or
// not to be missing though it never was: it is none of the usual words, nor one of `missing`, which
// the model's first file had.
absl::Status CheckFileOptions(const FileOptions& options,
                              const std::vector<std::string>& missing = {});

// A usage error if an option says something of the layout of CSV, and the file is of a format that
// has its own.
absl::Status CheckLayoutOptions(const FileOptions& options, const TextSource& source);

// How cells of other formats than CSV are written: with the words for missing ones that the options
// say, and a decimal point.
CellFormat PlainCells(const FileOptions& options);

struct InferredFile {
  CsvOptions csv;  // of a file of another format what is true of it: its header and cells
  std::vector<InferredColumn> columns;
  std::vector<std::string> notes;  // what was found out and might be wrong, each with its remedy
};

// The cell format that most of the sample's cells are numbers in: with a decimal point, a decimal
// comma, or either and the other sign, a space or an apostrophe between thousands. The first that
// there is no better one for;
// of 1,234 alone nobody knows, and it stays no number, save where commas stand between fields and
// the number must have been quoted: then it is English.
CellFormat GuessCells(const std::vector<std::vector<std::string>>& records, char delimiter);

// How the source is laid out, looking at its beginning only; adds what it guesses to *notes.
absl::StatusOr<CsvOptions> InferLayout(const FileOptions& options, TextSource* source,
                                       std::vector<std::string>* notes);

// Reads all of it and goes back to the beginning. The columns are all that the file has. A data
// error if a record can't be parsed or there is none.
absl::StatusOr<InferredFile> InferFile(const FileOptions& options,
                                       std::unique_ptr<TextSource>* source);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TABLES_FILE_INFERENCE_H_
