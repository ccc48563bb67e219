// Numbers and texts as little-endian bytes.

#ifndef SERVER_STORE_FORMAT_BYTE_WRITER_H_
#define SERVER_STORE_FORMAT_BYTE_WRITER_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/time/time.h"
#include "core/check.h"

namespace descent::store {

// Numbers, and buffers with them, are written as they lie in memory.
static_assert(std::endian::native == std::endian::little);

// Appends to a string that must outlive it.
class ByteWriter {
 public:
  explicit ByteWriter(std::string* bytes) : bytes_(*bytes), begin_(bytes->size()) {}

  // Makes room for so many more bytes at once; a string that is appended to over and over is moved
  // as seldom as ever.
  void Reserve(std::size_t more) {
    if (bytes_.capacity() - bytes_.size() >= more) return;
    bytes_.reserve(std::max(bytes_.size() + more, 2 * bytes_.capacity()));
  }

  // Bytes written through this writer.
  std::size_t size() const { return bytes_.size() - begin_; }

  template <typename T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void Put(T number) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &number, sizeof(T));
    bytes_.append(bytes, sizeof(T));
  }
  // Nanoseconds since the epoch.
  void Put(absl::Time time) { Put<std::int64_t>(absl::ToUnixNanos(time)); }

  void PutBytes(const void* bytes, std::size_t size) {
    if (size > 0) bytes_.append(static_cast<const char*>(bytes), size);
  }
  // Its size as uint32, then its bytes.
  void PutText(std::string_view text) {
    DESCENT_CHECK(text.size() <= std::numeric_limits<std::uint32_t>::max());
    Put(static_cast<std::uint32_t>(text.size()));
    PutBytes(text.data(), text.size());
  }

  // Replaces the number at `offset`, counted from where this writer began.
  template <typename T>
  void Replace(std::size_t offset, T number) {
    DESCENT_CHECK(offset + sizeof(T) <= size());
    std::memcpy(bytes_.data() + begin_ + offset, &number, sizeof(T));
  }

 private:
  std::string& bytes_;
  const std::size_t begin_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_FORMAT_BYTE_WRITER_H_
