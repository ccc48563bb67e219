// Reads what ByteWriter writes, from bytes that may be anything.

#ifndef SERVER_STORE_FORMAT_BYTE_READER_H_
#define SERVER_STORE_FORMAT_BYTE_READER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace descent::store {

// The first thing that is not right is kept as the reader's error, and everything read from then on
// is zero or empty: callers may read on and look at ok() at the end, but must look before they loop
// over or allocate by a number they read.
class ByteReader {
 public:
  // `what`: what the bytes are, for errors.
  ByteReader(std::string_view bytes, std::string_view what) : bytes_(bytes), what_(what) {}

  bool ok() const { return error_.empty(); }
  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return ok() ? bytes_.size() - offset_ : 0; }

  // `field` is what is being read, for errors.
  template <typename T>
    requires std::is_arithmetic_v<T> && (!std::is_same_v<T, bool>)
  T Get(std::string_view field) {
    T number = 0;
    const char* bytes = Take(sizeof(T), field);
    if (bytes != nullptr) std::memcpy(&number, bytes, sizeof(T));
    return number;
  }
  // An integer that is not negative.
  std::int64_t GetCount(std::string_view field);
  absl::Time GetTime(std::string_view field) {
    return absl::FromUnixNanos(Get<std::int64_t>(field));
  }
  std::string_view GetText(std::string_view field);
  // A uint32, that many elements of at least `least_bytes` each following; 0 if they can't.
  std::size_t GetElements(std::size_t least_bytes, std::string_view field);

  // The next `size` bytes, which are consumed; null, with an error, if there are fewer.
  const char* Take(std::size_t size, std::string_view field);

  // Sets the error, unless there is one; `problem` is about the field before the current offset.
  void Fail(std::string_view field, std::string_view problem);
  // Takes over an error of something that these bytes hold.
  void Fail(std::string_view field, const absl::Status& status);
  // An error unless every byte has been read.
  void ExpectEnd();

  // OK, or DATA_LOSS (STORED_STATE_DAMAGED): what, which field, how, and before which byte.
  absl::Status status() const;

 private:
  const std::string_view bytes_;
  const std::string_view what_;
  std::size_t offset_ = 0;
  std::string error_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_FORMAT_BYTE_READER_H_
