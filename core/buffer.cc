#include "core/buffer.h"

#include <sys/mman.h>

#include <cstring>
#include <limits>
#include <new>

namespace descent {
namespace {

// Large buffers are whole huge pages where the system has them: a pass over parameters, or a
// product, then meets a hundred times fewer translations.
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kHugeFrom = std::size_t{1} << 20;

// Elements of so many bytes with the padding behind them: a whole number of lines, as
// aligned_alloc asks.
std::size_t Padded(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment + kPadding;
}

// Bytes to allocate for elements of so many.
std::size_t AllocationFor(std::size_t bytes) {
  const std::size_t needed = Padded(bytes);
  if (needed < kHugeFrom) return needed;
  return (needed + kHugePage - 1) / kHugePage * kHugePage;
}

// Storage that is zero from byte `zero_from` on.
std::byte* Allocate(std::size_t bytes, std::size_t zero_from) {
  const bool huge = bytes >= kHugeFrom;
  void* const memory = std::aligned_alloc(huge ? kHugePage : kAlignment, bytes);
  if (memory == nullptr) throw std::bad_alloc();
  // Advice: where it is refused, ordinary pages do.
  if (huge) madvise(memory, bytes, MADV_HUGEPAGE);
  auto* const storage = static_cast<std::byte*>(memory);
  std::memset(storage + zero_from, 0, bytes - zero_from);
  return storage;
}

std::size_t CheckedBytes(DataType type, std::int64_t size) {
  DESCENT_CHECK(size >= 0);
  DESCENT_CHECK(static_cast<std::uint64_t>(size) <
                (std::numeric_limits<std::size_t>::max() - 2 * kPadding) / ByteWidth(type));
  return static_cast<std::size_t>(size) * ByteWidth(type);
}

}  // namespace

Buffer Buffer::ForOverwrite(DataType type, std::int64_t size) {
  const std::size_t bytes = CheckedBytes(type, size);
  Buffer buffer;
  buffer.capacity_ = AllocationFor(bytes);
  buffer.bytes_.reset(Allocate(buffer.capacity_, /*zero_from=*/bytes));
  buffer.type_ = type;
  buffer.size_ = size;
  return buffer;
}

void Buffer::Resize(DataType type, std::int64_t size) {
  // As it is for nearly every step: batches have the rows of those before them.
  if (size == size_ && type == type_ && bytes_ != nullptr) return;
  const std::size_t bytes = CheckedBytes(type, size);
  const std::size_t needed = Padded(bytes);
  if (needed > capacity_) {
    const std::size_t capacity = AllocationFor(bytes);
    bytes_.reset(Allocate(capacity, /*zero_from=*/0));
    capacity_ = capacity;
  } else {
    std::memset(bytes_.get() + bytes, 0, needed - bytes);
  }
  type_ = type;
  size_ = size;
}

Buffer Buffer::Clone() const {
  Buffer copy = ForOverwrite(type_, size_);
  if (size_ > 0) std::memcpy(copy.bytes(), bytes(), byte_size());
  return copy;
}

Matrix Matrix::Clone() const {
  Matrix copy = ForOverwrite(type(), rows_, cols_);
  if (!empty()) std::memcpy(copy.buffer().bytes(), buffer_.bytes(), buffer_.byte_size());
  return copy;
}

}  // namespace descent
