// Reads comma-separated files record by record, in constant memory.
//
// RFC 4180 with the liberties real files take: spaces and tabs around fields are trimmed (inside
// quotes they are kept), blank lines are skipped, lines end in LF, CRLF or CR, a UTF-8 byte order
// mark is dropped. Nothing is guessed: a stray or unterminated quote, or a record with more or
// fewer fields than the first, is an error that names file, line and column.

#ifndef CLIENT_CLI_CSV_READER_H_
#define CLIENT_CLI_CSV_READER_H_

#include <csv.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/failure.h"

namespace descent::cli {

struct CsvOptions {
  bool header = true;  // the first record names the columns
  char delimiter = ',';
};

struct CsvRecord {
  int64_t line = 0;  // where the record begins, from 1
  std::vector<std::string> fields;
};

class CsvReader {
 public:
  // Opens a file ("-" is standard input) and reads as far as the names need. A data error if it
  // can't be opened or read, is empty, or names two columns alike.
  static absl::StatusOr<CsvReader> Open(const std::string& path, const CsvOptions& options);

  // Reads a text instead, called `name` in messages.
  static absl::StatusOr<CsvReader> OpenText(const std::string& name, const std::string& text,
                                            const CsvOptions& options);

  // As it appears in messages.
  const std::string& name() const { return name_; }

  // One name a column: the header's, or the column's number from 1 where there is none or it is
  // empty there. Every record has this many fields.
  const std::vector<std::string>& columns() const { return columns_; }

  // Reads the next record into *record, or returns false at the end. After an error the reader
  // must not be used again.
  absl::StatusOr<bool> Next(CsvRecord* record);

  // The place of a field (from 0) of a record.
  Place PlaceOf(const CsvRecord& record, size_t field) const;

 private:
  CsvReader(std::string name, std::FILE* file, const CsvOptions& options);
  static absl::StatusOr<CsvReader> Begin(std::string name, std::FILE* file,
                                         const CsvOptions& options);

  // Fills buffer_ from the file; false at its end.
  absl::StatusOr<bool> Fill();
  // Parses to the end of the line, of the buffer, or of the record, whichever comes first.
  absl::Status ParseLine();
  // Reads a record of any width into record_; false at the end.
  absl::StatusOr<bool> ReadRecord();
  absl::Status ReadColumns(const CsvOptions& options);

  static void OnField(void* text, size_t size, void* reader);
  static void OnRecord(int terminator, void* reader);

  struct ParserDeleter {
    void operator()(csv_parser* parser) const;
  };
  struct FileDeleter {
    void operator()(std::FILE* file) const;
  };

  std::string name_;
  std::unique_ptr<std::FILE, FileDeleter> file_;
  std::unique_ptr<csv_parser, ParserDeleter> parser_;
  std::vector<std::string> columns_;

  std::string buffer_;
  size_t position_ = 0;  // of the next byte in buffer_
  bool finished_ = false;
  bool after_cr_ = false;  // an LF that follows belongs to the same line end

  int64_t line_ = 1;        // of the next byte
  int64_t begin_line_ = 1;  // where the record being parsed began
  int64_t field_line_ = 1;  // where its field being parsed began
  CsvRecord record_;        // being parsed
  size_t field_count_ = 0;  // of record_.fields, whose strings are recycled
  bool complete_ = false;   // record_ is whole
  bool held_ = false;       // record_ was read ahead by Open
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_CSV_READER_H_
