// The rows that predict, evaluate and gradient are asked about, read and encoded piece by piece.

#ifndef CLIENT_CLI_COMMANDS_ROW_SOURCE_H_
#define CLIENT_CLI_COMMANDS_ROW_SOURCE_H_

#include <CLI/App.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/encoding/encoding.h"
#include "client/cli/tables/file_inference.h"
#include "client/cli/tables/table_reader.h"

namespace descent::cli {

// Exactly one of `csv` and `rows` is given.
struct RowOptions {
  std::string csv;                // "-" is standard input
  std::vector<std::string> rows;  // records such as "1,2,red", columns by position
  FileOptions file;
  std::vector<std::string> keep;  // columns whose cells are wanted too, by name or number from 1
};

// --csv, --row and how the file is laid out.
void AddRowOptions(CLI::App* command, RowOptions* options);

// Whether the rows are in a file, rather than coming through a pipe once.
bool CanBeReadAgain(const RowOptions& options);

class RowSource {
 public:
  // `encoding` must outlive the source.
  static absl::StatusOr<RowSource> Open(const RowOptions& options, const Encoding& encoding,
                                        const NumberTerms& terms, bool with_target);

  // The next rows, at most `max_rows`; none at the end. A data error if there are none at all with
  // a target.
  absl::StatusOr<Dataset> Read(int64_t max_rows);

  // The same, but that the rows before one that can't be read or encoded come before its error, so
  // that what can be answered is.
  absl::StatusOr<Dataset> ReadSound(int64_t max_rows);

  const UnknownCategories& unknown() const { return unknown_; }
  // The rows left out until now because their target is missing.
  const RowsWithoutTarget& without_target() const { return without_target_; }
  // The columns that no row until now had, for a note.
  std::string UnseenColumns() const { return UnseenText(unseen_); }
  // The names of the columns to keep, in the order they were asked for.
  const std::vector<std::string>& kept() const { return kept_; }

 private:
  RowSource(TableReader reader, const Encoding& encoding, NumberTerms terms,
            std::vector<std::string> kept);

  // The next rows, up to the one that *problem is about.
  Dataset ReadUntil(absl::Status* problem, int64_t max_rows);

  TableReader reader_;
  const Encoding* encoding_;
  NumberTerms terms_;
  std::vector<std::string> kept_;
  UnknownCategories unknown_;
  RowsWithoutTarget without_target_;
  std::vector<std::string> unseen_;
  bool begun_ = false;
  absl::Status problem_;  // of the row after those that ReadSound has given
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_ROW_SOURCE_H_
