// Reads comma-separated files record by record, in constant memory.
//
// RFC 4180 with the liberties real files take: spaces and tabs around fields are trimmed (inside
// quotes they are kept), blank lines are skipped, lines end in LF, CRLF or CR. Nothing is guessed:
// a stray or unterminated quote, a record with more or fewer fields than the first, or a byte that
// is no text, is an error that names file, line and column.

#ifndef CLIENT_CLI_TEXT_CSV_READER_H_
#define CLIENT_CLI_TEXT_CSV_READER_H_

#include <csv.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/text/cells.h"
#include "client/cli/text/record_reader.h"
#include "client/cli/text/text_source.h"

namespace descent::cli {

// How a file is written.
struct CsvOptions {
  bool header = true;  // the first record names the columns
  char delimiter = ',';
  std::string charset = {};  // a name that iconv knows; empty: UTF-8, or UTF-16 where it is plain
  CellFormat cells = {};
};

class CsvReader final : public RecordReader {
 public:
  // Opens a file ("-" is standard input) and reads as far as the names need. A data error if it
  // can't be opened or read, or is empty.
  static absl::StatusOr<CsvReader> Open(const std::string& path, const CsvOptions& options);

  // Reads a source from where it stands.
  static absl::StatusOr<CsvReader> Begin(std::unique_ptr<TextSource> source,
                                         const CsvOptions& options);

  // Reads a text instead, called `name` in messages.
  static absl::StatusOr<CsvReader> OpenText(const std::string& name, const std::string& text,
                                            const CsvOptions& options);

  const std::string& name() const override { return source_->name(); }

  // The header's names (without the single quotes that all of them may stand in); where it says a
  // name once more, that with .1, .2 behind it, as pandas has it; where it has none or there is no
  // header, the column's number from 1, with "column " before it if another is called so. A header
  // that has one name less than the first record has fields is R's write.table's: the first column
  // holds names of rows, and has none.
  const std::vector<std::string>& columns() const override { return columns_; }
  bool has_names() const override { return header_; }
  bool named(size_t column) const override { return named_[column]; }
  const std::vector<std::string>& repeated() const override { return repeated_; }

  absl::StatusOr<bool> Next(Record* record) override;
  std::unique_ptr<TextSource> Release() override { return std::move(source_); }

 private:
  CsvReader(std::unique_ptr<TextSource> source, const CsvOptions& options);

  // Fills buffer_ from the source; false at its end.
  absl::StatusOr<bool> Fill();
  // Parses to the end of the line, of the buffer, or of the record, whichever comes first.
  absl::Status ParseLine();
  // Reads a record of any width into record_; false at the end.
  absl::StatusOr<bool> ReadRecord();
  absl::Status ReadColumns(const CsvOptions& options);
  // Names the columns by a header's fields.
  void NameColumns(std::vector<std::string> names);
  // An error if the record holds a byte that is not of UTF-8.
  absl::Status CheckText(const Record& record) const;

  static void OnField(void* text, size_t size, void* reader);
  static void OnRecord(int terminator, void* reader);

  struct ParserDeleter {
    void operator()(csv_parser* parser) const;
  };

  std::unique_ptr<TextSource> source_;
  std::unique_ptr<csv_parser, ParserDeleter> parser_;
  bool header_ = true;
  std::vector<std::string> columns_;
  std::vector<bool> named_;
  std::vector<std::string> repeated_;

  std::string buffer_;
  size_t position_ = 0;  // of the next byte in buffer_
  bool finished_ = false;
  bool after_cr_ = false;  // an LF that follows belongs to the same line end

  int64_t line_;             // of the next byte
  int64_t begin_line_;       // where the record being parsed began
  int64_t field_line_;       // where its field being parsed began
  size_t record_bytes_ = 0;  // of it, until now
  Record record_;            // being parsed
  size_t field_count_ = 0;   // of record_.fields, whose strings are recycled
  bool complete_ = false;    // record_ is whole
  bool held_ = false;        // record_ was read ahead
  bool begun_ = false;       // Next has been called
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_TEXT_CSV_READER_H_
