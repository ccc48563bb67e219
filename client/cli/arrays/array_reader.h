// Reads NumPy's files as tables: an array (.npy), or several of them (.npz) side by side.
//
// An array of two dimensions is rows and columns, one of one dimension a column. Columns are called
// by their numbers from 1 and go by their places, as those of a CSV file without a header. Records
// (a structured type) have columns by the names of their fields.
//
// Arrays in an archive have names, and so have their columns: `age` of one column, `x.1`, `x.2`,
// ... of more, `people.age` of records. All must have the same number of rows. They stand in the
// archive's order, save that one called `y` comes last, where a target is looked for first.

#ifndef CLIENT_CLI_ARRAYS_ARRAY_READER_H_
#define CLIENT_CLI_ARRAYS_ARRAY_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/arrays/array_rows.h"
#include "client/cli/text/record_reader.h"
#include "client/cli/text/text_source.h"

namespace descent::cli {

class ArrayReader final : public RecordReader {
 public:
  // Reads a source in one of the two formats from where it stands. An array streams, unless its
  // columns stand one after the other; such a one, and an archive, are read in place, or out of a
  // pipe or a compressed file by way of a copy on the disk. A data error if there are no rows.
  static absl::StatusOr<std::unique_ptr<ArrayReader>> BeginNpy(std::unique_ptr<TextSource> source);
  static absl::StatusOr<std::unique_ptr<ArrayReader>> BeginNpz(std::unique_ptr<TextSource> source);

  const std::string& name() const override { return source_->name(); }
  const std::vector<std::string>& columns() const override { return columns_; }
  bool has_names() const override { return has_names_; }
  bool named(size_t /*column*/) const override { return has_names_; }
  const std::vector<std::string>& repeated() const override { return repeated_; }
  absl::StatusOr<bool> Next(Record* record) override;
  std::unique_ptr<TextSource> Release() override;

 private:
  explicit ArrayReader(std::unique_ptr<TextSource> source) : source_(std::move(source)) {}

  // Names the columns of an array, called `key` in an archive.
  absl::Status AddArray(std::unique_ptr<ArrayRows> rows, const std::string& key);
  absl::Status CheckColumns() const;

  std::unique_ptr<TextSource> source_;
  std::vector<std::unique_ptr<ArrayRows>> arrays_;
  std::vector<std::string> columns_;
  bool has_names_ = false;
  const std::vector<std::string> repeated_;
  int64_t row_ = 0;  // of the latest record, from 1
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_ARRAYS_ARRAY_READER_H_
