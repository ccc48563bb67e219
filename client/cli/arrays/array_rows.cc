#include "client/cli/arrays/array_rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

constexpr size_t kBlockBytes = 64 * 1024;
constexpr size_t kColumnBlockBytes = 8 << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<ArrayRows>> ArrayRows::Open(std::unique_ptr<ByteStream> stream,
                                                           std::shared_ptr<const DiskFile> file,
                                                           std::string name, std::string array) {
  std::unique_ptr<ArrayRows> rows(
      new ArrayRows(std::move(stream), std::move(name), std::move(array)));
  ASSIGN_OR_RETURN(rows->header_, ReadNpyHeader(rows->array_, rows->stream_.get()));
  if (rows->by_columns()) RETURN_IF_ERROR(rows->OpenColumns(std::move(file)));
  return rows;
}

absl::Status ArrayRows::OpenColumns(std::shared_ptr<const DiskFile> file) {
  const int64_t data_bytes = header_.rows * static_cast<int64_t>(header_.row_bytes());
  if (file != nullptr) {
    file_ = std::move(file);
    data_at_ = static_cast<int64_t>(header_.bytes);
  } else {
    const auto next = [this](std::string* piece) -> absl::StatusOr<bool> {
      piece->resize(kBlockBytes);
      ASSIGN_OR_RETURN(const size_t count, stream_->Read(piece->data(), piece->size()));
      piece->resize(count);
      return count > 0;
    };
    ASSIGN_OR_RETURN(file_, DiskFile::Spool(next, name_));
  }
  const int64_t held = file_->size() - data_at_;
  if (held < data_bytes) {
    const auto column_bytes = header_.rows * static_cast<int64_t>(header_.item_bytes);
    return DataError({array_}, absl::StrCat("the NumPy array is cut short in column ",
                                            held / column_bytes + 1, " of ", header_.columns));
  }
  if (held > data_bytes) return DataError({array_}, "something follows the NumPy array");
  return absl::OkStatus();
}

absl::StatusOr<const char*> ArrayRows::Next() {
  if (block_place_ == block_rows_) {
    if (filled_ == header_.rows) {
      RETURN_IF_ERROR(CheckEnd());
      return nullptr;
    }
    RETURN_IF_ERROR(Fill());
  }
  return block_.data() + static_cast<size_t>(block_place_++) * header_.row_bytes();
}

absl::Status ArrayRows::Fill() {
  const size_t row_bytes = header_.row_bytes();
  const size_t room = by_columns() ? kColumnBlockBytes : kBlockBytes;
  const auto most = static_cast<int64_t>(std::max<size_t>(1, room / row_bytes));
  const int64_t rows = std::min(most, header_.rows - filled_);
  block_.resize(static_cast<size_t>(rows) * row_bytes);
  if (by_columns()) {
    RETURN_IF_ERROR(FillByColumns(rows));
  } else {
    ASSIGN_OR_RETURN(const size_t count, stream_->Read(block_.data(), block_.size()));
    // The rows before the end are told first.
    const auto whole = static_cast<int64_t>(count / row_bytes);
    if (whole == 0) return CutShort(filled_);
    block_rows_ = whole;
    block_place_ = 0;
    filled_ += whole;
    return absl::OkStatus();
  }
  block_rows_ = rows;
  block_place_ = 0;
  filled_ += rows;
  return absl::OkStatus();
}

absl::Status ArrayRows::FillByColumns(int64_t rows) {
  const size_t item = header_.item_bytes;
  std::string column(static_cast<size_t>(rows) * item, '\0');
  for (int64_t c = 0; c < header_.columns; ++c) {
    const int64_t at = (c * header_.rows + filled_) * static_cast<int64_t>(item);
    ASSIGN_OR_RETURN(const size_t count, file_->Read(data_at_ + at, column.data(), column.size()));
    if (count < column.size()) return CutShort(filled_);
    char* to = block_.data() + static_cast<size_t>(c) * item;
    for (int64_t r = 0; r < rows; ++r, to += header_.row_bytes()) {
      std::memcpy(to, column.data() + static_cast<size_t>(r) * item, item);
    }
  }
  return absl::OkStatus();
}

absl::Status ArrayRows::CheckEnd() {
  if (by_columns() || std::exchange(ended_, true)) return absl::OkStatus();
  char more = 0;
  ASSIGN_OR_RETURN(const size_t count, stream_->Read(&more, 1));
  if (count == 0) return absl::OkStatus();
  return DataError({array_}, "something follows the NumPy array");
}

absl::Status ArrayRows::CutShort(int64_t row) const {
  return DataError({array_}, absl::StrCat("the NumPy array is cut short in row ", row + 1, " of ",
                                          FormatCount(header_.rows)));
}

}  // namespace descent::cli
