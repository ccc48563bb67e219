#include "core/buffer.h"

#include <cstring>
#include <limits>

namespace descent {

void Buffer::Resize(DataType type, std::int64_t size) {
  DESCENT_CHECK(size >= 0);
  DESCENT_CHECK(static_cast<std::uint64_t>(size) <
                (std::numeric_limits<std::size_t>::max() - 2 * kPadding) / ByteWidth(type));
  const std::size_t bytes = static_cast<std::size_t>(size) * ByteWidth(type);
  // Padded to a whole number of lines, as aligned_alloc asks.
  const std::size_t needed = (bytes + kAlignment - 1) / kAlignment * kAlignment + kPadding;
  if (needed > capacity_) {
    bytes_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, needed)));
    DESCENT_CHECK(bytes_ != nullptr);
    std::memset(bytes_.get(), 0, needed);
    capacity_ = needed;
  } else if (bytes != byte_size() || type != type_) {
    std::memset(bytes_.get() + bytes, 0, needed - bytes);
  }
  type_ = type;
  size_ = size;
}

Buffer Buffer::Clone() const {
  Buffer copy(type_, size_);
  if (size_ > 0) std::memcpy(copy.bytes(), bytes(), byte_size());
  return copy;
}

Matrix Matrix::Clone() const {
  Matrix copy(type(), rows_, cols_);
  if (!empty()) std::memcpy(copy.buffer().bytes(), buffer_.bytes(), buffer_.byte_size());
  return copy;
}

}  // namespace descent
