// The header of a safetensors file: what is said of it before its numbers.
//
//   8 bytes: N, little-endian | N bytes: JSON | the tensors' bytes, one after another without gaps
//
//   {"__metadata__": {key: text, …},
//    name: {"dtype": "F32", "shape": [4, 2], "data_offsets": [begin, end]}, …}
//
// Source: the README of the safetensors project. What a reader has to enforce is enforced, for a
// file comes from anywhere: N within the file and at most 100,000,000, UTF-8, no key twice, nothing
// nested deeper or named otherwise than above, tensors that fill the rest exactly, each as large as
// type and shape say.

#ifndef SERVER_EXCHANGE_SAFETENSORS_HEADER_H_
#define SERVER_EXCHANGE_SAFETENSORS_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/types/span.h"
#include "server/exchange/model_file.h"
#include "server/exchange/safetensors/element_type.h"

namespace descent::exchange {

// Of the header's length, before its JSON.
inline constexpr std::int64_t kLengthBytes = 8;
inline constexpr std::int64_t kMostHeaderBytes = 100'000'000;

struct TensorEntry {
  std::string name;
  const ElementType* type = nullptr;
  std::vector<std::int64_t> shape;
  std::int64_t begin = 0;  // in bytes after the header
  std::int64_t end = 0;

  std::int64_t elements() const { return (end - begin) / static_cast<std::int64_t>(type->width); }
};

struct SafetensorsHeader {
  FileMetadata metadata;
  std::vector<TensorEntry> tensors;  // in the order of their bytes
  std::int64_t data_begin = 0;       // in bytes of the file
};

// INVALID_ARGUMENT (MALFORMED_FILE) that says what is wrong, and of which tensor.
absl::StatusOr<SafetensorsHeader> ReadHeader(const absl::Cord& file);

// The same for a file that is not all here: OK as long as what there is can become one.
absl::Status CheckBeginning(const absl::Cord& file);

// The bytes of the file that are its header, or of what there is of it.
std::size_t HeaderBytesIn(const absl::Cord& file);

// "[4, 2]".
std::string ShapeText(absl::Span<const std::int64_t> shape);

// A name from a file in an error: quoted, without what can't be printed, and no longer than a line.
std::string QuotedName(std::string_view name);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_SAFETENSORS_HEADER_H_
