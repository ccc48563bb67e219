// What the server says of a row of a batch, said of the file's line and column.

#ifndef CLIENT_CLI_PLACES_H_
#define CLIENT_CLI_PLACES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "client/cli/encoding.h"
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

// Where the rows of a file stand that is read in pieces: a pair for every run of rows on lines one
// after the other.
class RowLines {
 public:
  void Add(absl::Span<const int64_t> lines);
  void Clear() { *this = {}; }
  int64_t rows() const { return rows_; }
  // Of a row, from 0; nullopt if there is no such row.
  std::optional<int64_t> LineOf(int64_t row) const;

 private:
  int64_t rows_ = 0;
  int64_t last_line_ = -1;
  std::vector<std::pair<int64_t, int64_t>> runs_;  // first row, its line
};

// The server's error about an evaluation of rows that stand there.
absl::Status AtItsPlace(const absl::Status& error, const std::string& source, const RowLines& lines,
                        const std::string& model);

}  // namespace descent::cli

#endif  // CLIENT_CLI_PLACES_H_
