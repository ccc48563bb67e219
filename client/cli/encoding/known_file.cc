#include "client/cli/encoding/known_file.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"
#include "client/cli/tables/record_files.h"
#include "client/cli/text/layout.h"

namespace descent::cli {
namespace {

// Puts the words into a list, and takes them out of the one of the opposite meaning.
void MoveWords(const std::vector<std::string>& words, std::vector<std::string>* from,
               std::vector<std::string>* to) {
  for (const std::string& word : words) {
    from->erase(std::remove(from->begin(), from->end(), word), from->end());
    to->push_back(word);
  }
}

CsvOptions OptionsFor(const FileOptions& options, const Encoding& encoding) {
  CsvOptions csv = encoding.csv;
  csv.charset = options.charset;
  csv.header = options.header.value_or(csv.header);
  csv.delimiter = options.delimiter.value_or(csv.delimiter);
  csv.cells.decimal = options.decimal.value_or(csv.cells.decimal);
  csv.cells.thousands = options.thousands.value_or(csv.cells.thousands);
  MoveWords(options.missing, &csv.cells.values, &csv.cells.missing);
  MoveWords(options.not_missing, &csv.cells.missing, &csv.cells.values);
  return csv;
}

// Looks anew at what the options don't say, if the delimiter can't be right.
void LookAnew(absl::string_view sample, const FileOptions& options, const Encoding& encoding,
              std::optional<char> separator, CsvOptions* csv) {
  if (options.delimiter.has_value() || encoding.fields < 2) return;
  const auto first_fields = [sample](char delimiter) {
    const auto records = SampleRecords(sample, delimiter);
    return records.empty() ? 0 : records.front().size();
  };
  if (separator.has_value() ? *separator == csv->delimiter : first_fields(csv->delimiter) != 1) {
    return;
  }
  const char guess = separator.has_value() ? *separator : GuessDelimiter(sample);
  if (first_fields(guess) < 2) return;
  csv->delimiter = guess;
  if (options.decimal.has_value() || options.thousands.has_value()) return;
  const CellFormat cells = GuessCells(SampleRecords(sample, guess), guess);
  csv->cells.decimal = cells.decimal;
  csv->cells.thousands = cells.thousands;
}

// The names by which the encoding finds its columns; none if it goes by their places.
std::vector<std::string> NamesOf(const Encoding& encoding) {
  std::vector<std::string> names;
  if (!encoding.named) return names;
  for (const InputEncoding& input : encoding.inputs) {
    if (!absl::c_linear_search(names, input.name)) names.push_back(input.name);
  }
  if (!encoding.target.name.empty()) names.push_back(encoding.target.name);
  return names;
}

// A file of another format than CSV, which says by itself how it is laid out.
absl::StatusOr<KnownFile> OpenOther(std::unique_ptr<TextSource> source, CsvOptions csv,
                                    const Encoding& encoding) {
  const std::vector<std::string> names = NamesOf(encoding);
  ASSIGN_OR_RETURN(std::unique_ptr<RecordReader> reader,
                   OpenRecords(std::move(source), csv, names));
  if (!names.empty() && reader->Unseen().size() == names.size()) {
    return DataError({reader->name(), 1},
                     absl::StrCat("none of its keys is a column that the model was trained with: ",
                                  SomeOf(names)));
  }
  csv.header = reader->has_names();
  csv.cells.decimal = '.';
  csv.cells.thousands = '\0';
  return KnownFile{std::move(reader), std::move(csv)};
}

}  // namespace

absl::StatusOr<KnownFile> OpenKnown(std::unique_ptr<TextSource> source, const FileOptions& options,
                                    const Encoding& encoding) {
  RETURN_IF_ERROR(CheckFileOptions(options, encoding.csv.cells.missing));
  RETURN_IF_ERROR(CheckLayoutOptions(options, *source));
  CsvOptions csv = OptionsFor(options, encoding);
  if (source->format() != FileFormat::kCsv) {
    return OpenOther(std::move(source), std::move(csv), encoding);
  }
  // What is there already is enough: a pipe may give a row and wait for its prediction.
  ASSIGN_OR_RETURN(const absl::string_view beginning, source->Peek(1));
  LookAnew(beginning.substr(0, kSampleBytes), options, encoding, source->separator(), &csv);
  if (csv.cells.decimal == csv.cells.thousands) {
    return UsageError("--decimal and --thousands can't be the same sign");
  }
  ASSIGN_OR_RETURN(std::unique_ptr<RecordReader> reader,
                   OpenRecords(std::move(source), csv, std::nullopt));
  return KnownFile{std::move(reader), std::move(csv)};
}

absl::StatusOr<KnownFile> OpenKnown(const std::string& path, const FileOptions& options,
                                    const Encoding& encoding) {
  ASSIGN_OR_RETURN(std::unique_ptr<TextSource> source,
                   TextSource::Open(path, options.charset, options.format));
  return OpenKnown(std::move(source), options, encoding);
}

absl::StatusOr<TableReader> RowsOf(KnownFile file, const Encoding& encoding, bool with_target,
                                   std::vector<int64_t> kept) {
  ASSIGN_OR_RETURN(TableSchema schema,
                   SchemaFor(encoding, *file.reader, file.csv.header, with_target));
  schema.kept = std::move(kept);
  return TableReader(std::move(file.reader), std::move(schema), file.csv.cells);
}

}  // namespace descent::cli
