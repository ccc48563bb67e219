// Aligned storage for tensors. Every number the engine computes with lives in one of these.

#ifndef CORE_BUFFER_H_
#define CORE_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "core/check.h"
#include "core/data_type.h"

namespace descent {

// Alignment of every buffer and of every tensor in a flat buffer, in bytes: one cache line, one
// AVX-512 register.
inline constexpr std::size_t kAlignment = 64;

// Readable and zeroed bytes behind the last element, so that a kernel may load whole registers.
inline constexpr std::size_t kPadding = 256;

// An owned array of `size` elements of one type: 64-byte aligned, with zeroed padding behind it.
// Move-only. Capacity only grows, so that a buffer that is reused stops allocating once warm.
// Where there is no memory, std::bad_alloc is thrown and nothing has changed.
class Buffer {
 public:
  Buffer() = default;
  // All elements are zero. Requires size >= 0.
  Buffer(DataType type, std::int64_t size) { Resize(type, size); }

  Buffer(Buffer&&) = default;
  Buffer& operator=(Buffer&&) = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // A deep copy.
  Buffer Clone() const;

  // Elements that the caller writes, every one, before anyone reads them: only the padding is zero.
  static Buffer ForOverwrite(DataType type, std::int64_t size);

  // Changes type and size. The contents are unspecified afterwards, but zero after the first
  // allocation; the padding is zero always. Requires size >= 0.
  void Resize(DataType type, std::int64_t size);

  // Frees the storage: size 0, capacity 0.
  void Clear() { *this = Buffer(); }

  DataType type() const { return type_; }
  std::int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Bytes of the elements, without padding.
  std::size_t byte_size() const { return static_cast<std::size_t>(size_) * ByteWidth(type_); }
  // Bytes held, padding included.
  std::size_t capacity() const { return capacity_; }

  // The elements. T must be the buffer's element type.
  template <typename T>
  const T* data() const {
    DESCENT_CHECK(kDataTypeOf<T> == type_);
    return static_cast<const T*>(static_cast<const void*>(bytes_.get()));
  }
  template <typename T>
  T* data() {
    DESCENT_CHECK(kDataTypeOf<T> == type_);
    return static_cast<T*>(static_cast<void*>(bytes_.get()));
  }

  // The elements as raw bytes in the machine's order.
  const std::byte* bytes() const { return bytes_.get(); }
  std::byte* bytes() { return bytes_.get(); }

  // One element, whatever the type.
  double At(std::int64_t i) const {
    return type_ == DataType::kFloat32 ? static_cast<double>(data<float>()[i]) : data<double>()[i];
  }
  void Set(std::int64_t i, double value) {
    if (type_ == DataType::kFloat32) {
      data<float>()[i] = static_cast<float>(value);
    } else {
      data<double>()[i] = value;
    }
  }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };

  DataType type_ = DataType::kFloat32;
  std::int64_t size_ = 0;
  std::size_t capacity_ = 0;
  std::unique_ptr<std::byte[], Free> bytes_;
};

// A row-major matrix `[rows, cols]` without gaps between rows.
class Matrix {
 public:
  Matrix() = default;
  Matrix(DataType type, std::int64_t rows, std::int64_t cols) { Resize(type, rows, cols); }

  // As Buffer::ForOverwrite.
  static Matrix ForOverwrite(DataType type, std::int64_t rows, std::int64_t cols) {
    Matrix matrix;
    matrix.rows_ = rows;
    matrix.cols_ = cols;
    matrix.buffer_ = Buffer::ForOverwrite(type, rows * cols);
    return matrix;
  }

  // As Buffer::Resize.
  void Resize(DataType type, std::int64_t rows, std::int64_t cols) {
    rows_ = rows;
    cols_ = cols;
    buffer_.Resize(type, rows * cols);
  }
  Matrix Clone() const;

  std::int64_t rows() const { return rows_; }
  std::int64_t cols() const { return cols_; }
  std::int64_t size() const { return buffer_.size(); }
  bool empty() const { return buffer_.empty(); }
  DataType type() const { return buffer_.type(); }

  const Buffer& buffer() const { return buffer_; }
  Buffer& buffer() { return buffer_; }
  template <typename T>
  const T* data() const {
    return buffer_.data<T>();
  }
  template <typename T>
  T* data() {
    return buffer_.data<T>();
  }

  double At(std::int64_t row, std::int64_t col) const { return buffer_.At(row * cols_ + col); }
  void Set(std::int64_t row, std::int64_t col, double value) {
    buffer_.Set(row * cols_ + col, value);
  }

 private:
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  Buffer buffer_;
};

}  // namespace descent

#endif  // CORE_BUFFER_H_
