#include "server/services/message.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/exceptions.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace descent::services {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// An allocation beside what was asked for, and the place of a pointer in an array that has grown
// by doubling.
constexpr std::size_t kAllocation = 16;
constexpr std::size_t kPointer = 2 * sizeof(void*);
constexpr std::size_t kString = sizeof(std::string) + kAllocation;
constexpr std::size_t kMapNode = 192;  // with the entry's key and value, empty
// Deeper ones are refused by protobuf.
constexpr int kMostNested = 100;
// Of so many bytes a message is written at once, without a stream in between, into the one piece
// that gRPC's stream would make of it too.
constexpr std::size_t kOnePiece = 1 << 20;

// The size in memory of one value of a packed or repeated field.
std::size_t WidthOf(FieldDescriptor::CppType type) {
  switch (type) {
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return 8;
    case FieldDescriptor::CPPTYPE_BOOL:
      return 1;
    default:
      return 4;
  }
}

// Adds up what a message costs.
class Measuring {
 public:
  Measuring(CodedInputStream* input, std::int64_t most_fields)
      : input_(*input), most_fields_(most_fields) {}

  const MessageCost& cost() const { return cost_; }

  // False when there is nothing more to be learnt.
  bool Walk(const Descriptor& descriptor, int depth) {
    const FieldDescriptor* field = nullptr;
    for (std::uint32_t tag = input_.ReadTag(); tag != 0; tag = input_.ReadTag()) {
      if (++cost_.fields > most_fields_) return false;
      const int number = WireFormatLite::GetTagFieldNumber(tag);
      if (field == nullptr || field->number() != number) {
        field = descriptor.FindFieldByNumber(number);
      }
      if (!Take(field, tag, depth)) return false;
    }
    return input_.ConsumedEntireMessage();
  }

 private:
  // One field's value.
  bool Take(const FieldDescriptor* field, std::uint32_t tag, int depth) {
    const auto type = WireFormatLite::GetTagWireType(tag);
    if (type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) return TakeLengthDelimited(field, depth);
    // An unknown field is 16 bytes in a vector that doubles.
    cost_.bytes += field == nullptr ? 48 : 2 * WidthOf(field->cpp_type());
    return WireFormatLite::SkipField(&input_, tag);
  }

  bool TakeLengthDelimited(const FieldDescriptor* field, int depth) {
    std::uint32_t size = 0;
    if (!input_.ReadVarint32(&size)) return false;
    if (size > static_cast<std::uint32_t>(std::numeric_limits<int>::max())) return false;
    const int length = static_cast<int>(size);
    if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return TakeMessage(*field->message_type(), length, depth);
    }
    if (field == nullptr || field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      cost_.bytes += kString + kPointer + size + (field == nullptr ? 48 : 0);
      return input_.Skip(length);
    }
    return TakePacked(*field, length);
  }

  bool TakeMessage(const Descriptor& descriptor, int length, int depth) {
    if (depth == kMostNested) return false;
    if (std::exchange(last_descriptor_, &descriptor) != &descriptor) {
      last_bytes_ = OwnBytes(descriptor);
    }
    cost_.bytes += last_bytes_;
    const CodedInputStream::Limit limit = input_.PushLimit(length);
    const bool goes_on = Walk(descriptor, depth + 1);
    input_.PopLimit(limit);
    return goes_on;
  }

  // Of a message without anything in its fields.
  static std::size_t OwnBytes(const Descriptor& descriptor) {
    // An entry becomes a node of a map; its prototype has no size that it could be asked for.
    if (descriptor.options().map_entry()) return kMapNode;
    const Message* prototype = MessageFactory::generated_factory()->GetPrototype(&descriptor);
    return prototype->SpaceUsedLong() + kAllocation + kPointer;
  }

  bool TakePacked(const FieldDescriptor& field, int length) {
    const std::size_t width = WidthOf(field.cpp_type());
    const auto bytes = static_cast<std::size_t>(length);
    // They come into an array that doubles, but for those that lie in one piece.
    switch (WireFormatLite::WireTypeForFieldType(
        static_cast<WireFormatLite::FieldType>(field.type()))) {
      case WireFormatLite::WIRETYPE_FIXED32:
      case WireFormatLite::WIRETYPE_FIXED64:
        cost_.bytes += bytes * 3 / 2;
        return input_.Skip(length);
      default: {
        std::size_t values = 0;
        if (!CountVarints(length, &values)) return false;
        cost_.bytes += std::min(values, bytes) * width * 3 / 2;
        return true;
      }
    }
  }

  bool CountVarints(int length, std::size_t* values) {
    while (length > 0) {
      const void* data = nullptr;
      int size = 0;
      if (!input_.GetDirectBufferPointer(&data, &size)) return false;
      size = std::min(size, length);
      const auto* bytes = static_cast<const unsigned char*>(data);
      *values += static_cast<std::size_t>(
          std::count_if(bytes, bytes + size, [](unsigned char byte) { return byte < 0x80; }));
      if (!input_.Skip(size)) return false;
      length -= size;
    }
    return true;
  }

  CodedInputStream& input_;
  const std::int64_t most_fields_;
  MessageCost cost_;
  // What was found out about the submessage that came last, since many are often alike.
  const Descriptor* last_descriptor_ = nullptr;
  std::size_t last_bytes_ = 0;
};

// gRPC's reader of a buffer takes it for writable.
grpc::ByteBuffer* Unread(const grpc::ByteBuffer& bytes) {
  return const_cast<grpc::ByteBuffer*>(&bytes);
}

bool Parse(const grpc::ByteBuffer& bytes, Message* message) {
  if (!bytes.Valid()) return false;
  grpc::Slice slice;
  if (bytes.TrySingleSlice(&slice).ok()) {
    return message->ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
  }
  grpc::ProtoBufferReader reader(Unread(bytes));
  return reader.status().ok() && message->ParseFromZeroCopyStream(&reader);
}

}  // namespace

absl::Status ParseMessage(const grpc::ByteBuffer& bytes, const MethodName& name, Message* message) {
  const absl::StatusOr<bool> parsed =
      CatchExceptions([&]() -> absl::StatusOr<bool> { return Parse(bytes, message); });
  if (!parsed.ok()) return parsed.status();
  if (*parsed) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "MALFORMED_MESSAGE",
               absl::StrCat(std::string(name.method), ": the ", bytes.Length(),
                            " bytes sent are no ", message->GetDescriptor()->full_name(),
                            ": expected a protobuf message whose text is UTF-8"));
}

grpc::ByteBuffer SerializeMessage(const Message& message) {
  if (const std::size_t size = message.ByteSizeLong(); size <= kOnePiece) {
    grpc::Slice slice(size);
    // Nobody else has it yet.
    message.SerializeWithCachedSizesToArray(const_cast<std::uint8_t*>(slice.begin()));
    return {&slice, 1};
  }
  grpc::ByteBuffer bytes;
  bool own = true;
  // What is made here is within protobuf's 2 GiB.
  (void)grpc::GenericSerialize<grpc::ProtoBufferWriter, Message>(message, &bytes, &own);
  return bytes;
}

MessageCost MeasureMessage(const grpc::ByteBuffer& bytes, const Descriptor& descriptor,
                           std::int64_t most_fields) {
  if (!bytes.Valid()) return {};
  grpc::ProtoBufferReader reader(Unread(bytes));
  CodedInputStream input(&reader);
  Measuring measuring(&input, most_fields);
  measuring.Walk(descriptor, 0);
  return measuring.cost();
}

}  // namespace descent::services
