// A table's records one by one, whatever the file's format: as cells of text, which is what all
// that looks at columns and makes numbers of them takes.

#ifndef CLIENT_CLI_TEXT_RECORD_READER_H_
#define CLIENT_CLI_TEXT_RECORD_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/failure.h"
#include "client/cli/text/text_source.h"

namespace descent::cli {

struct Record {
  int64_t line = 0;  // where the record begins, from 1; of an array its row
  std::vector<std::string> fields;
};

class RecordReader {
 public:
  virtual ~RecordReader() = default;

  // The file's, as it appears in messages.
  virtual const std::string& name() const = 0;

  // One name a column, no two alike. Grows while records are read only where the reader was asked
  // to find columns out (record_files.h): by what the record before last Next says first.
  virtual const std::vector<std::string>& columns() const = 0;

  // Whether the columns have names by which to find them in another file, or only their places.
  virtual bool has_names() const = 0;
  // Whether the file names the column.
  virtual bool named(size_t column) const = 0;
  // The names that the header says more than once.
  virtual const std::vector<std::string>& repeated() const = 0;

  // Reads the next record into *record, with a field for each column, or returns false at the end.
  // After an error the reader must not be used again.
  virtual absl::StatusOr<bool> Next(Record* record) = 0;

  // The place of a field (from 0) of a record.
  Place PlaceOf(const Record& record, size_t field) const {
    return {name(), record.line, static_cast<int64_t>(field) + 1};
  }

  // The columns that were asked for and that no record until now had, so that all their cells were
  // missing.
  virtual std::vector<std::string> Unseen() const { return {}; }

  // Gives the source back, after which the reader must not be used.
  virtual std::unique_ptr<TextSource> Release() = 0;

 protected:
  RecordReader() = default;
  RecordReader(const RecordReader&) = default;
  RecordReader(RecordReader&&) = default;
  RecordReader& operator=(const RecordReader&) = default;
  RecordReader& operator=(RecordReader&&) = default;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_TEXT_RECORD_READER_H_
