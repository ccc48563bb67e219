#include "server/wire/inference_tensor.h"

#include <bit>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/status_macros.h"
#include "core/text_view.h"
#include "google/protobuf/descriptor.h"
#include "server/wire/request_fields.h"
#include "server/wire/tensor_checks.h"

namespace descent::wire {
namespace {

constexpr char kBytesContents[] = "bytes_contents";

// Before each raw text: how many bytes it has, little-endian.
using TextLength = std::uint32_t;
static_assert(std::endian::native == std::endian::little);

absl::Status WrongSize(std::string_view field, const InputTensor& tensor, std::string_view expected,
                       std::int64_t actual) {
  return InvalidField(
      field,
      absl::StrCat("expected ", View(expected), " for shape ", ShapeText(tensor.shape()), " of ",
                   tensor.message().datatype(), ", got ", actual),
      {}, "MALFORMED_TENSOR");
}

std::string ContentsField(const InputTensor& tensor, std::string_view name) {
  return tensor.Member(absl::StrCat("contents.", View(name)));
}

absl::Status CheckNoContents(const InputTensor& tensor) {
  const InputTensor::Message& message = tensor.message();
  if (!message.has_contents() || message.contents().ByteSizeLong() == 0) return absl::OkStatus();
  return ContradictoryField(tensor.Member("contents"), "raw_input_contents are set already");
}

// Nothing may be in a field that does not go with the datatype. `contents_field`: null if none
// does.
absl::Status CheckContentsFields(const InputTensor& tensor, const char* contents_field) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  inference::InferTensorContents::GetReflection()->ListFields(tensor.message().contents(), &fields);
  for (const auto* field : fields) {
    if (contents_field != nullptr && field->name() == contents_field) continue;
    return InvalidField(
        ContentsField(tensor, field->name()),
        absl::StrCat(tensor.message().datatype(), " is in ",
                     contents_field == nullptr ? "raw_input_contents" : contents_field),
        {}, "MALFORMED_TENSOR");
  }
  return absl::OkStatus();
}

// Whether every value of a field that is wider than the datatype is one of the datatype's.
template <typename Stored>
absl::Status CheckRange(const InputTensor& tensor, const InferenceType& type,
                        const TypedElements& elements) {
  for (std::int64_t i = 0; i < elements.count; ++i) {
    Stored stored;
    std::memcpy(&stored, elements.data + i * static_cast<std::int64_t>(sizeof stored),
                sizeof stored);
    const std::int64_t value = stored;
    if (value < type.minimum || value > type.maximum) {
      return InvalidField(ContentsField(tensor, type.contents_field),
                          absl::StrCat("value ", value, " at index ", i, " is out of the range of ",
                                       View(type.name)),
                          {{"index", absl::StrCat(i)}}, "MALFORMED_TENSOR");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<InputElements> RawElements(const InputTensor& tensor, const InferenceType& type,
                                          std::int64_t count) {
  RETURN_IF_ERROR(CheckNoContents(tensor));
  const auto actual = static_cast<std::int64_t>(tensor.raw().size());
  if (actual != count * type.width) {
    return WrongSize(tensor.RawField(), tensor, absl::StrCat(count * type.width, " bytes"), actual);
  }
  return InputElements{&type, tensor.raw().data(), count};
}

absl::StatusOr<InputElements> TypedContents(const InputTensor& tensor, const InferenceType& type,
                                            std::int64_t count) {
  RETURN_IF_ERROR(CheckContentsFields(tensor, type.contents_field));
  if (type.typed == nullptr) {
    return InvalidField("raw_input_contents",
                        absl::StrCat("required: ", View(type.name), " comes raw alone"), {},
                        "MALFORMED_TENSOR");
  }
  const TypedElements elements = type.typed(tensor.message().contents());
  if (elements.count != count) {
    return WrongSize(ContentsField(tensor, type.contents_field), tensor,
                     absl::StrCat(count, " values"), elements.count);
  }
  if (type.is_narrower) {
    const bool is_signed = type.minimum < 0;
    RETURN_IF_ERROR(is_signed ? CheckRange<std::int32_t>(tensor, type, elements)
                              : CheckRange<std::uint32_t>(tensor, type, elements));
  }
  return InputElements{FindInferenceType(type.stored_as), elements.data, count};
}

absl::Status ForEachRawText(const InputTensor& tensor, std::int64_t count,
                            absl::FunctionRef<void(std::string_view)> take) {
  std::string_view rest = tensor.raw();
  const auto broken = [&](std::int64_t i, std::string_view expected, std::size_t actual) {
    return WithPlace(InvalidField(tensor.RawField(),
                                  absl::StrCat("expected ", View(expected), " at byte ",
                                               tensor.raw().size() - rest.size(), ", of ",
                                               PlaceText(tensor.shape(), i), ", got ", actual),
                                  {}, "MALFORMED_TENSOR"),
                     tensor.shape(), i);
  };
  for (std::int64_t i = 0; i < count; ++i) {
    TextLength length = 0;
    if (rest.size() < sizeof length) return broken(i, "a length of 4 bytes", rest.size());
    std::memcpy(&length, rest.data(), sizeof length);
    rest.remove_prefix(sizeof length);
    if (rest.size() < length) {
      return broken(i, absl::StrCat("a text of ", length, " bytes, as its length says,"),
                    rest.size());
    }
    take(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  if (rest.empty()) return absl::OkStatus();
  return InvalidField(
      tensor.RawField(),
      absl::StrCat("expected an end behind ", count, " texts, at byte ",
                   tensor.raw().size() - rest.size(), ", got ", rest.size(), " bytes more"),
      {}, "MALFORMED_TENSOR");
}

}  // namespace

std::string InputTensor::Member(std::string_view name) const {
  return absl::StrCat(View(field()), ".", View(name));
}

std::string InputTensor::RawField() const {
  return absl::StrCat("raw_input_contents[", index_, "]");
}

absl::StatusOr<InputElements> ElementsOf(const InputTensor& tensor, const InferenceType& type,
                                         std::int64_t count) {
  return tensor.is_raw() ? RawElements(tensor, type, count) : TypedContents(tensor, type, count);
}

absl::Status CheckTextCount(const InputTensor& tensor, std::int64_t count) {
  if (tensor.is_raw()) {
    RETURN_IF_ERROR(CheckNoContents(tensor));
    const std::size_t size = tensor.raw().size();
    if (static_cast<std::uint64_t>(count) <= size / sizeof(TextLength)) return absl::OkStatus();
    return WrongSize(tensor.RawField(), tensor,
                     absl::StrCat("at least 4 bytes for each of ", count, " texts"),
                     static_cast<std::int64_t>(size));
  }
  RETURN_IF_ERROR(CheckContentsFields(tensor, kBytesContents));
  const int actual = tensor.message().contents().bytes_contents_size();
  if (actual == count) return absl::OkStatus();
  return WrongSize(ContentsField(tensor, kBytesContents), tensor, absl::StrCat(count, " values"),
                   actual);
}

absl::Status ForEachText(const InputTensor& tensor, std::int64_t count,
                         absl::FunctionRef<void(std::string_view)> take) {
  if (tensor.is_raw()) return ForEachRawText(tensor, count, take);
  for (const std::string& text : tensor.message().contents().bytes_contents()) take(text);
  return absl::OkStatus();
}

}  // namespace descent::wire
