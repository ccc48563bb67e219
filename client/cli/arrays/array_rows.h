// The rows of a NumPy array, one by one, in bounded memory.

#ifndef CLIENT_CLI_ARRAYS_ARRAY_ROWS_H_
#define CLIENT_CLI_ARRAYS_ARRAY_ROWS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/arrays/byte_stream.h"
#include "client/cli/arrays/npy_header.h"
#include "client/cli/text/disk_file.h"

namespace descent::cli {

class ArrayRows {
 public:
  // Reads the header of the array that the stream holds. One whose columns stand one after the
  // other (Fortran order) is read at many places: in `file`, which is what the stream reads, or
  // without one in a copy on the disk. Holds 64 kB of the array, of one in Fortran order 8 MiB, or
  // a row if that is more. `name` is the file's and `array` the array's in messages.
  static absl::StatusOr<std::unique_ptr<ArrayRows>> Open(std::unique_ptr<ByteStream> stream,
                                                         std::shared_ptr<const DiskFile> file,
                                                         std::string name, std::string array);

  const NpyHeader& header() const { return header_; }
  // As errors call it.
  const std::string& array() const { return array_; }

  // The next row, item by item, good until the next call; null behind the last. A data error if
  // the array is cut short, or something follows it.
  absl::StatusOr<const char*> Next();

 private:
  ArrayRows(std::unique_ptr<ByteStream> stream, std::string name, std::string array)
      : stream_(std::move(stream)), name_(std::move(name)), array_(std::move(array)) {}

  bool by_columns() const { return header_.fortran_order && header_.columns > 1; }
  absl::Status OpenColumns(std::shared_ptr<const DiskFile> file);
  // Fills block_ with the next rows.
  absl::Status Fill();
  absl::Status FillByColumns(int64_t rows);
  absl::Status CheckEnd();
  absl::Status CutShort(int64_t row) const;

  std::unique_ptr<ByteStream> stream_;
  const std::string name_;
  const std::string array_;
  NpyHeader header_;
  std::shared_ptr<const DiskFile> file_;  // by columns
  int64_t data_at_ = 0;                   // where in it the data begin

  std::string block_;        // rows
  int64_t block_rows_ = 0;   // in it
  int64_t block_place_ = 0;  // of the next row in it
  int64_t filled_ = 0;       // rows that were in a block until now
  bool ended_ = false;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_ARRAYS_ARRAY_ROWS_H_
