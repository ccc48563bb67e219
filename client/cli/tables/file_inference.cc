#include "client/cli/tables/file_inference.h"

#include <algorithm>
#include <array>
#include <deque>
#include <iterator>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/failure.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"
#include "client/cli/tables/record_files.h"
#include "client/cli/text/layout.h"

namespace descent::cli {
namespace {

using Records = std::vector<std::vector<std::string>>;

// How many of a column's cells are numbers in that format, if most of those that hold something
// are.
int64_t NumbersOf(const Records& records, size_t column, const CellFormat& format) {
  int64_t numbers = 0;
  int64_t others = 0;
  for (const std::vector<std::string>& record : records) {
    if (column >= record.size() || IsMissingNumber(record[column])) continue;
    ++(ParseQuantity(record[column], format).has_value() ? numbers : others);
  }
  return numbers > others ? numbers : 0;
}

int64_t NumbersIn(const Records& records, const CellFormat& format) {
  int64_t numbers = 0;
  for (size_t column = 0; column < records.front().size(); ++column) {
    numbers += NumbersOf(records, column, format);
  }
  return numbers;
}

std::string Described(const CellFormat& cells) {
  std::string decimal = cells.decimal == ',' ? "a decimal comma" : "";
  if (cells.thousands == '\0') return decimal;
  const std::string thousands =
      absl::StrCat(NameOfDelimiter(cells.thousands), " between thousands");
  return decimal.empty() ? thousands : absl::StrCat(decimal, " and ", thousands);
}

void AddLayoutNotes(const FileOptions& options, const CsvOptions& csv, const TextSource& source,
                    std::vector<std::string>* notes) {
  std::vector<std::string> found;
  if (!source.recognised().empty()) {
    found.push_back(absl::StrCat("it is in ", absl::StrJoin(source.recognised(), ", ")));
  }
  if (!options.delimiter.has_value() && csv.delimiter != ',') {
    found.push_back(absl::StrCat(NameOfDelimiter(csv.delimiter), " stands between fields"));
  }
  const std::string cells = Described(csv.cells);
  const bool cells_given = options.decimal.has_value() || options.thousands.has_value();
  if (!cells.empty() && !cells_given) found.push_back(absl::StrCat("numbers have ", cells));
  if (!found.empty()) {
    notes->push_back(absl::StrCat(Shortened(source.name()), ": ", absl::StrJoin(found, ", ")));
  }
  if (!options.header.has_value() && !csv.header) {
    notes->push_back(
        "the first record looks like the others, so it is one of them, and columns are called by "
        "their numbers; --header says that it names them");
  }
}

void AddFormatNote(const TextSource& source, std::vector<std::string>* notes) {
  std::vector<std::string> found = source.recognised();
  found.emplace_back(TitleOf(source.format()));
  notes->push_back(
      absl::StrCat(Shortened(source.name()), ": it is in ", absl::StrJoin(found, ", ")));
}

// Adds a probe for each column that has none yet, whose cells in the rows before are missing.
void AddProbes(const RecordReader& reader, const CsvOptions& csv, int64_t rows_before,
               std::deque<ColumnProbe>* probes) {
  for (size_t i = probes->size(); i < reader.columns().size(); ++i) {
    ColumnSchema schema{reader.columns()[i], ColumnKind::kNumber, static_cast<int64_t>(i)};
    probes->emplace_back(std::move(schema), reader.named(i) || !csv.header, csv.cells);
    if (rows_before > 0) probes->back().Add("", 0);
  }
}

// Whether a record below a title that fills one of its fields can only be the header: all texts, no
// two alike.
bool NamesColumns(const Record& record) {
  std::set<std::string> names;
  return std::all_of(record.fields.begin(), record.fields.end(), [&](const std::string& field) {
    return !field.empty() && !ParseQuantity(field).has_value() && names.insert(field).second;
  });
}

// An error if the first record is no header but a title, such as "Sales 2024;;;": spreadsheets fill
// it up with empty fields.
absl::Status CheckTitle(const RecordReader& reader, const Record& first) {
  constexpr size_t kFewest = 3;  // of two columns, one may well have no name
  const size_t columns = reader.columns().size();
  size_t named = 0;
  for (size_t i = 0; i < columns; ++i) named += reader.named(i) ? 1 : 0;
  if (columns < kFewest || named > 1 || !NamesColumns(first)) return absl::OkStatus();
  return DataError(
      reader.PlaceOf(first, 0),
      absl::StrCat(
          "this line looks like the header, and what stands above it like a title; take it "
          "off, such as with tail -n +",
          first.line, ", or say --header if it names the columns"));
}

// The words of --missing and --not-missing that no cell has said yet.
class UnseenWords {
 public:
  explicit UnseenWords(const FileOptions& options) {
    for (const std::string& word : options.missing) words_.emplace("--missing", word);
    for (const std::string& word : options.not_missing) words_.emplace("--not-missing", word);
  }

  void See(const std::vector<std::string>& cells) {
    for (auto word = words_.begin(); word != words_.end();) {
      word = absl::c_linear_search(cells, word->second) ? words_.erase(word) : std::next(word);
    }
  }

  void AddNotes(std::vector<std::string>* notes) const {
    for (const auto& [option, word] : words_) {
      notes->push_back(absl::StrCat(option, " '", Shortened(word), "': no cell says just that"));
    }
  }

 private:
  std::set<std::pair<std::string, std::string>> words_;  // option, word
};

bool IsNameOfIndex(const std::string& name) {
  constexpr std::array<absl::string_view, 9> kNames = {
      "id", "idx", "index", "row", "rownames", "row_names", "no", "nr", "number"};
  const std::string lower = absl::AsciiStrToLower(name);
  return std::find(kNames.begin(), kNames.end(), lower) != kNames.end() ||
         absl::EndsWith(lower, "_id");
}

void AddColumnNotes(const InferredFile& file, const RecordReader& reader,
                    std::vector<std::string>* notes) {
  if (!reader.repeated().empty()) {
    notes->push_back(absl::StrCat("several columns are called ", SomeOf(reader.repeated()),
                                  "; all but the first have a number behind it, such as ",
                                  Shortened(reader.repeated().front()), ".1"));
  }
  const InferredColumn& first = file.columns.front();
  if (first.counts_rows && !first.is_index && IsNameOfIndex(first.schema.name)) {
    notes->push_back(absl::StrCat("column ", Shortened(first.schema.name),
                                  " numbers the rows; if it means nothing else, leave it out with "
                                  "--ignore"));
  }
}

}  // namespace

std::string FileOptions::FirstGiven() const {
  if (format.has_value()) return "--format";
  if (header.has_value()) return *header ? "--header" : "--no-header";
  if (delimiter.has_value()) return "--delimiter";
  if (decimal.has_value()) return "--decimal";
  if (thousands.has_value()) return "--thousands";
  if (!charset.empty()) return "--encoding";
  if (!missing.empty()) return "--missing";
  return not_missing.empty() ? "" : "--not-missing";
}

absl::Status CheckFileOptions(const FileOptions& options, const std::vector<std::string>& missing) {
  for (const std::string& word : options.not_missing) {
    if (absl::c_linear_search(options.missing, word)) {
      return UsageError(
          absl::StrCat("--missing and --not-missing: \"", Shortened(word), "\" can't be both"));
    }
    if (IsMissingNumber(word) || IsMissingText(word)) continue;
    if (absl::c_linear_search(missing, word)) continue;
    return UsageError(
        absl::StrCat("--not-missing: \"", Shortened(word),
                     "\" is none of the words that stand for a missing cell, so it is "
                     "a value anyway"));
  }
  return absl::OkStatus();
}

absl::Status CheckLayoutOptions(const FileOptions& options, const TextSource& source) {
  if (source.format() == FileFormat::kCsv) return absl::OkStatus();
  FileOptions of_csv = options;
  of_csv.format.reset();
  if (IsText(source.format())) of_csv.charset.clear();
  of_csv.missing.clear();
  of_csv.not_missing.clear();
  const std::string given = of_csv.FirstGiven();
  if (given.empty()) return absl::OkStatus();
  return UsageError(absl::StrCat(
      given, given == "--encoding" ? " goes with text alone, and " : " goes with CSV alone, and ",
      Shortened(source.name()), " is in ", TitleOf(source.format())));
}

CellFormat PlainCells(const FileOptions& options) {
  return {.missing = options.missing, .values = options.not_missing};
}

CellFormat GuessCells(const Records& records, char delimiter) {
  CellFormat plain;
  if (records.empty()) return plain;
  CellFormat comma = {.decimal = ','};
  CellFormat english = {.thousands = ','};
  CellFormat german = {.decimal = ',', .thousands = '.'};
  const int64_t in_plain = NumbersIn(records, plain);
  const int64_t in_comma = NumbersIn(records, comma);
  const int64_t in_english = NumbersIn(records, english);
  const int64_t in_german = NumbersIn(records, german);
  const int64_t best = std::max({in_plain, in_comma, in_english, in_german});
  // Rarer signs between thousands: a space, as French and the norms have it, or an apostrophe.
  CellFormat rare;
  int64_t in_rare = best;
  for (const char thousands : {' ', '\''}) {
    for (const char decimal : {'.', ','}) {
      const CellFormat format = {.decimal = decimal, .thousands = thousands};
      const int64_t numbers = NumbersIn(records, format);
      if (numbers <= in_rare) continue;
      in_rare = numbers;
      rare = format;
    }
  }
  if (in_rare > best) return rare;
  if (in_plain == best) return plain;
  const bool decimal_comma = in_comma == best || in_german == best;
  if (in_english == best && (!decimal_comma || delimiter == ',')) return english;
  if (in_english == best) return plain;  // may be either
  return in_comma == best ? comma : german;
}

absl::StatusOr<CsvOptions> InferLayout(const FileOptions& options, TextSource* source,
                                       std::vector<std::string>* notes) {
  ASSIGN_OR_RETURN(absl::string_view sample, source->Peek(kSampleBytes));
  sample = sample.substr(0, kSampleBytes);
  CsvOptions csv;
  csv.charset = options.charset;
  csv.delimiter =
      options.delimiter.has_value() ? *options.delimiter : source->separator().value_or('\0');
  if (csv.delimiter == '\0') csv.delimiter = GuessDelimiter(sample);
  Records records = SampleRecords(sample, csv.delimiter);
  csv.header = options.header.has_value() ? *options.header : GuessHeader(records);
  csv.cells.missing = options.missing;
  csv.cells.values = options.not_missing;
  if (options.decimal.has_value() || options.thousands.has_value()) {
    csv.cells.decimal = options.decimal.value_or('.');
    csv.cells.thousands = options.thousands.value_or('\0');
    if (csv.cells.decimal == csv.cells.thousands) {
      return UsageError("--decimal and --thousands can't be the same sign");
    }
  } else {
    if (csv.header && !records.empty()) records.erase(records.begin());
    const CellFormat guess = GuessCells(records, csv.delimiter);
    csv.cells.decimal = guess.decimal;
    csv.cells.thousands = guess.thousands;
  }
  AddLayoutNotes(options, csv, *source, notes);
  return csv;
}

absl::StatusOr<InferredFile> InferFile(const FileOptions& options,
                                       std::unique_ptr<TextSource>* source) {
  (*source)->KeepForRewind();
  InferredFile file;
  RETURN_IF_ERROR(CheckFileOptions(options));
  RETURN_IF_ERROR(CheckLayoutOptions(options, **source));
  const bool is_csv = (*source)->format() == FileFormat::kCsv;
  if (is_csv) {
    ASSIGN_OR_RETURN(file.csv, InferLayout(options, source->get(), &file.notes));
  } else {
    file.csv.charset = options.charset;
    file.csv.cells = PlainCells(options);
    AddFormatNote(**source, &file.notes);
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<RecordReader> reader,
                   OpenRecords(std::move(*source), file.csv, std::nullopt));
  file.csv.header = reader->has_names();
  std::deque<ColumnProbe> probes;
  Record record;
  UnseenWords unseen(options);
  int64_t rows = 0;
  while (true) {
    ASSIGN_OR_RETURN(const bool any, reader->Next(&record));
    if (!any) break;
    if (rows == 0 && is_csv && file.csv.header && !options.header.has_value()) {
      RETURN_IF_ERROR(CheckTitle(*reader, record));
    }
    AddProbes(*reader, file.csv, rows, &probes);
    ++rows;
    unseen.See(record.fields);
    for (size_t i = 0; i < probes.size(); ++i) probes[i].Add(record.fields[i], record.line);
  }
  if (rows == 0) return DataError({reader->name()}, "the file holds no rows but its header");
  for (const ColumnProbe& probe : probes) file.columns.push_back(probe.Finish(reader->name()));
  AddColumnNotes(file, *reader, &file.notes);
  unseen.AddNotes(&file.notes);
  *source = reader->Release();
  RETURN_IF_ERROR((*source)->Rewind());
  return file;
}

}  // namespace descent::cli
