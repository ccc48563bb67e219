#include "core/buffer.h"

#include <sys/mman.h>

#include <cstring>
#include <limits>

namespace descent {
namespace {

// Large buffers are whole huge pages where the system has them: a pass over parameters, or a
// product, then meets a hundred times fewer translations.
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kHugeFrom = std::size_t{1} << 20;

// `bytes`, a multiple of kAlignment, rounded up to what is allocated.
std::size_t AllocatedSize(std::size_t bytes) {
  if (bytes < kHugeFrom) return bytes;
  return (bytes + kHugePage - 1) / kHugePage * kHugePage;
}

std::byte* Allocate(std::size_t bytes) {
  const bool huge = bytes >= kHugeFrom;
  void* const memory = std::aligned_alloc(huge ? kHugePage : kAlignment, bytes);
  DESCENT_CHECK(memory != nullptr);
  // Advice: where it is refused, ordinary pages do.
  if (huge) madvise(memory, bytes, MADV_HUGEPAGE);
  std::memset(memory, 0, bytes);
  return static_cast<std::byte*>(memory);
}

}  // namespace

void Buffer::Resize(DataType type, std::int64_t size) {
  DESCENT_CHECK(size >= 0);
  DESCENT_CHECK(static_cast<std::uint64_t>(size) <
                (std::numeric_limits<std::size_t>::max() - 2 * kPadding) / ByteWidth(type));
  const std::size_t bytes = static_cast<std::size_t>(size) * ByteWidth(type);
  // Padded to a whole number of lines, as aligned_alloc asks.
  const std::size_t needed = (bytes + kAlignment - 1) / kAlignment * kAlignment + kPadding;
  if (needed > capacity_) {
    const std::size_t allocated = AllocatedSize(needed);
    bytes_.reset(Allocate(allocated));
    capacity_ = allocated;
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
