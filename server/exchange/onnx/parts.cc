#include "server/exchange/onnx/parts.h"

#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "server/exchange/onnx/file_errors.h"

namespace descent::exchange {
namespace {

using google::protobuf::io::CodedInputStream;

// About what an object of a part takes.
constexpr std::int64_t kMessageBytes = 256;
constexpr std::int64_t kStringBytes = 64;
constexpr std::int64_t kNumberBytes = 16;  // an array of them grows by doubling

constexpr std::int64_t kBytesOfAny = std::int64_t{1} << 20;
constexpr std::int64_t kTimesTheFile = 16;

enum class OnnxPart : std::uint8_t {
  kPlain,    // text, bytes, packed numbers of a fixed width
  kNumbers,  // packed numbers, a byte each or more
  kModel,
  kGraph,
  kNode,
  kAttribute,
  kTensor,
  kValueInfo,
  kType,
  kTensorType,
  kShape,
  kLeaf,  // a message of texts and numbers alone
};

// What a field of a message holds, by third_party/onnx/onnx_subset.proto.
OnnxPart PartOf(OnnxPart message, int field) {
  switch (message) {
    case OnnxPart::kModel:
      return field == 7                  ? OnnxPart::kGraph
             : field == 8 || field == 14 ? OnnxPart::kLeaf
                                         : OnnxPart::kPlain;
    case OnnxPart::kGraph:
      return field == 1                   ? OnnxPart::kNode
             : field == 5                 ? OnnxPart::kTensor
             : field == 11 || field == 12 ? OnnxPart::kValueInfo
                                          : OnnxPart::kPlain;
    case OnnxPart::kNode:
      return field == 5 ? OnnxPart::kAttribute : OnnxPart::kPlain;
    case OnnxPart::kAttribute:
      return field == 5 ? OnnxPart::kTensor : field == 8 ? OnnxPart::kNumbers : OnnxPart::kPlain;
    case OnnxPart::kTensor:
      return field == 1 || field == 5 || field == 7 ? OnnxPart::kNumbers
             : field == 13                          ? OnnxPart::kLeaf
                                                    : OnnxPart::kPlain;
    case OnnxPart::kValueInfo:
      return field == 2 ? OnnxPart::kType : OnnxPart::kPlain;
    case OnnxPart::kType:
      return field == 1 ? OnnxPart::kTensorType : OnnxPart::kPlain;
    case OnnxPart::kTensorType:
      return field == 2 ? OnnxPart::kShape : OnnxPart::kPlain;
    case OnnxPart::kShape:
      return field == 1 ? OnnxPart::kLeaf : OnnxPart::kPlain;
    default:
      return OnnxPart::kPlain;
  }
}

// Walks over a message. Messages are nested as deep as they are here and no deeper.
class Walk {
 public:
  explicit Walk(absl::string_view file)
      : stream_(reinterpret_cast<const std::uint8_t*>(file.data()), static_cast<int>(file.size())),
        most_(kBytesOfAny + kTimesTheFile * static_cast<std::int64_t>(file.size())) {
    stream_.SetTotalBytesLimit(std::numeric_limits<int>::max());
  }

  // False where the bytes are no message.
  bool Take(OnnxPart message) {
    while (const std::uint32_t tag = stream_.ReadTag()) {
      if (!TakeField(message, static_cast<int>(tag >> 3), tag & 7)) return false;
      if (IsTooMuch()) return true;
    }
    return stream_.ConsumedEntireMessage();
  }

  std::int64_t bytes() const { return bytes_; }
  bool IsTooMuch() const { return bytes_ > most_; }

 private:
  bool TakeField(OnnxPart message, int field, std::uint32_t wire_type) {
    if (field == 0) return false;
    std::uint64_t number = 0;
    std::uint32_t fixed = 0;
    switch (wire_type) {
      case 0:
        bytes_ += kNumberBytes;
        return stream_.ReadVarint64(&number);
      case 1:
        bytes_ += kNumberBytes;
        return stream_.ReadLittleEndian64(&number);
      case 5:
        bytes_ += kNumberBytes;
        return stream_.ReadLittleEndian32(&fixed);
      case 2:
        return TakeLength(PartOf(message, field));
      default:  // groups, which ONNX does not have
        return false;
    }
  }

  bool TakeLength(OnnxPart part) {
    std::uint32_t length = 0;
    if (!stream_.ReadVarint32(&length) || length > std::numeric_limits<int>::max()) return false;
    const int size = static_cast<int>(length);
    if (part == OnnxPart::kPlain || part == OnnxPart::kNumbers) {
      bytes_ += part == OnnxPart::kPlain ? kStringBytes + size : kNumberBytes * std::int64_t{size};
      return stream_.Skip(size);
    }
    bytes_ += kMessageBytes;
    // A message that says it is longer than what holds it would be cut off without a word.
    if (stream_.BytesUntilLimit() >= 0 && size > stream_.BytesUntilLimit()) return false;
    const CodedInputStream::Limit limit = stream_.PushLimit(size);
    if (!Take(part)) return false;
    if (!IsTooMuch() && stream_.BytesUntilLimit() > 0) return false;
    stream_.PopLimit(limit);
    return true;
  }

  CodedInputStream stream_;
  const std::int64_t most_;
  std::int64_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<std::int64_t> PartBytes(absl::string_view file) {
  if (file.size() > std::numeric_limits<int>::max()) {
    return Malformed("file", absl::StrCat("expected an ONNX model of at most 2 GiB, got ",
                                          file.size(), " bytes"));
  }
  Walk walk(file);
  if (file.empty() || !walk.Take(OnnxPart::kModel)) {
    return Malformed("file", "expected an ONNX model, got other bytes, or a part of one");
  }
  if (walk.IsTooMuch()) {
    return Malformed("file",
                     "expected an ONNX model, got bytes that are nearly all small parts: as "
                     "objects they would take many times the file's size");
  }
  return walk.bytes();
}

}  // namespace descent::exchange
