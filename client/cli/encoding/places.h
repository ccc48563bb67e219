// What the server says of a row of a batch, said of the file's line and column.

#ifndef CLIENT_CLI_ENCODING_PLACES_H_
#define CLIENT_CLI_ENCODING_PLACES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "client/cli/encoding/encoding.h"
#include "client/cli/failure.h"

namespace descent::cli {

// The server's error about a batch of these rows of the data set, as a data error with the place of
// the row and, where it is about an input or a target, its column. An error that names no row of
// the batch is returned as it is.
absl::Status AtItsPlace(const absl::Status& error, const Dataset& dataset,
                        absl::Span<const int64_t> rows, const std::string& model);

// A prediction, a loss or a metric that is no finite number; `place` is of the row, or of the file.
absl::Status NotFinite(const Place& place, const std::string& what, const std::string& model);

// What to do with a model that has diverged, on the command line.
std::string HowToBeginAnew(const std::string& model);

// The row of the batch that the server's error is about, from 0; nullopt if it names none.
std::optional<int64_t> RowOf(const absl::Status& error);

// Where the rows of a file stand that is read in pieces: a pair for every run of rows on lines one
// after the other.
class RowLines {
 public:
  void Add(absl::Span<const int64_t> lines);
  int64_t rows() const { return rows_; }
  // Of a row, from 0; nullopt if there is no such row.
  std::optional<int64_t> LineOf(int64_t row) const;

 private:
  int64_t rows_ = 0;
  int64_t last_line_ = -1;
  std::vector<std::pair<int64_t, int64_t>> runs_;  // first row, its line
};

// The rows of an evaluation, which are sent piece by piece, and what their columns are.
class EvaluatedRows {
 public:
  // Some rows of a data set, in that order. All pieces have the same source and columns.
  void Add(const Dataset& dataset, absl::Span<const int64_t> rows);
  void Clear() { *this = {}; }

  const RowLines& lines() const { return lines_; }
  int64_t pieces() const { return pieces_; }
  // Source and columns, and no rows.
  const Dataset& columns() const { return columns_; }

 private:
  RowLines lines_;
  int64_t pieces_ = 0;
  Dataset columns_;
};

// The server's error about an evaluation of these rows, as above. Where it does not say how many
// rows came before the piece that it is about, and there were several, the file is its place, and
// the column where there is one.
absl::Status AtItsPlace(const absl::Status& error, const EvaluatedRows& rows,
                        const std::string& model);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_PLACES_H_
