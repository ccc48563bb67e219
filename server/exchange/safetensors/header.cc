#include "server/exchange/safetensors/header.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "nlohmann/json.hpp"

namespace descent::exchange {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kMetadata = "__metadata__";
constexpr std::size_t kMostDimensions = 32;
constexpr std::size_t kMostNameInErrors = 80;

absl::Status Malformed(std::string_view what) { return InvalidFile("MALFORMED_FILE", what); }

absl::Status MalformedTensor(std::string_view name, std::string_view what) {
  const std::string quoted = QuotedName(name);
  return InvalidFile(
      "MALFORMED_FILE",
      absl::StrCat("tensor ", quoted, ": ", absl::string_view(what.data(), what.size())),
      {{"tensor", quoted}});
}

// Takes the JSON as it is read, and ends the reading at the first thing that does not belong there:
// nothing is built of it but the entries.
class HeaderSax final : public nlohmann::json_sax<Json> {
 public:
  absl::Status TakeStatus() { return std::move(status_); }
  SafetensorsHeader TakeHeader() { return std::move(header_); }

  bool null() override { return Unexpected("null"); }
  bool boolean(bool /*value*/) override { return Unexpected("a boolean"); }
  bool number_integer(number_integer_t /*value*/) override {
    return Unexpected("a negative number");
  }
  bool number_float(number_float_t /*value*/, const string_t& text) override {
    return Unexpected(absl::StrCat("the number ", QuotedName(text)));
  }
  bool binary(binary_t& /*value*/) override { return Unexpected("bytes"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::kShape && place_ != Place::kOffsets) return Unexpected("a number");
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
      return Fail(MalformedTensor(tensor_.name, "it has a number beyond 63 bits"));
    }
    std::vector<std::int64_t>& numbers = place_ == Place::kShape ? tensor_.shape : offsets_;
    const std::size_t most = place_ == Place::kShape ? kMostDimensions : 2;
    if (numbers.size() == most) {
      return Fail(MalformedTensor(
          tensor_.name, absl::StrCat("expected at most ", most, " numbers in its ", field_)));
    }
    numbers.push_back(static_cast<std::int64_t>(value));
    return true;
  }

  bool string(string_t& value) override {
    if (place_ == Place::kMetadata) {
      if (header_.metadata.emplace(key_, std::move(value)).second) return true;
      return Fail(
          Malformed(absl::StrCat("its metadata have the key ", QuotedName(key_), " twice")));
    }
    if (place_ != Place::kTensor || field_ != "dtype") return Unexpected("a text");
    tensor_.type = FindElementType(value);
    if (tensor_.type != nullptr) return true;
    return Fail(MalformedTensor(tensor_.name,
                                absl::StrCat("its type ", QuotedName(value), " is not known")));
  }

  bool start_object(std::size_t /*elements*/) override {
    if (place_ == Place::kStart) {
      place_ = Place::kTop;
    } else if (place_ == Place::kTop) {
      place_ = tensor_.name == kMetadata ? Place::kMetadata : Place::kTensor;
    } else {
      return Unexpected("an object");
    }
    return true;
  }

  bool key(string_t& value) override {
    switch (place_) {
      case Place::kTop:
        if (!names_.insert(value).second) {
          return Fail(
              Malformed(absl::StrCat("its header has the name ", QuotedName(value), " twice")));
        }
        tensor_ = TensorEntry{.name = std::move(value), .type = nullptr, .shape = {}};
        offsets_.clear();
        seen_ = 0;
        return true;
      case Place::kMetadata:
        key_ = std::move(value);
        return true;
      default:
        field_ = std::move(value);
        return SeeField();
    }
  }

  bool end_object() override {
    if (place_ == Place::kTop) {
      place_ = Place::kEnd;
      return true;
    }
    if (place_ == Place::kTensor && !AddTensor()) return false;
    place_ = Place::kTop;
    return true;
  }

  bool start_array(std::size_t /*elements*/) override {
    if (place_ == Place::kTensor && field_ == "shape") {
      place_ = Place::kShape;
    } else if (place_ == Place::kTensor && field_ == "data_offsets") {
      place_ = Place::kOffsets;
    } else {
      return Unexpected("an array");
    }
    return true;
  }

  bool end_array() override {
    place_ = Place::kTensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*last_token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return Fail(Malformed(absl::StrCat("its header is no JSON in UTF-8 at byte ", position)));
  }

 private:
  enum class Place : std::uint8_t { kStart, kTop, kMetadata, kTensor, kShape, kOffsets, kEnd };

  bool Fail(absl::Status status) {
    status_ = std::move(status);
    return false;
  }

  bool Unexpected(std::string_view what) {
    const absl::string_view shown(what.data(), what.size());
    switch (place_) {
      case Place::kStart:
      case Place::kEnd:
        return Fail(Malformed(absl::StrCat("expected a header that is one object, got ", shown)));
      case Place::kMetadata:
        return Fail(Malformed(absl::StrCat("expected a text of the metadata's key ",
                                           QuotedName(key_), ", got ", shown)));
      case Place::kTop:
        return Fail(Malformed(absl::StrCat("expected an object of the name ",
                                           QuotedName(tensor_.name), ", got ", shown)));
      default:
        return Fail(MalformedTensor(
            tensor_.name, absl::StrCat("its ", QuotedName(field_), " has ", shown, " in it")));
    }
  }

  // A field of a tensor begins.
  bool SeeField() {
    const unsigned bit = field_ == "dtype"          ? 1U
                         : field_ == "shape"        ? 2U
                         : field_ == "data_offsets" ? 4U
                                                    : 0U;
    if (bit == 0) {
      return Fail(MalformedTensor(tensor_.name,
                                  absl::StrCat("it has an unknown field ", QuotedName(field_))));
    }
    if ((seen_ & bit) != 0) {
      return Fail(MalformedTensor(tensor_.name, absl::StrCat("it has ", field_, " twice")));
    }
    seen_ |= bit;
    return true;
  }

  bool AddTensor() {
    constexpr unsigned kAllFields = 7;
    if (seen_ != kAllFields || offsets_.size() != 2) {
      return Fail(MalformedTensor(tensor_.name,
                                  "expected dtype, shape and data_offsets with begin and end"));
    }
    tensor_.begin = offsets_[0];
    tensor_.end = offsets_[1];
    header_.tensors.push_back(std::move(tensor_));
    return true;
  }

  absl::Status status_;
  SafetensorsHeader header_;
  Place place_ = Place::kStart;
  std::set<std::string, std::less<>> names_;
  // The tensor being read (its name also that of the metadata), and the field or key in it.
  TensorEntry tensor_;
  std::vector<std::int64_t> offsets_;
  unsigned seen_ = 0;
  std::string field_;
  std::string key_;
};

// The bytes of a tensor of that shape, or -1 beyond 63 bits.
std::int64_t BytesOf(const TensorEntry& tensor) {
  auto bytes = static_cast<std::int64_t>(tensor.type->width);
  // A tensor without elements may have any other extents.
  if (std::ranges::find(tensor.shape, 0) != tensor.shape.end()) return 0;
  for (const std::int64_t extent : tensor.shape) {
    if (__builtin_mul_overflow(bytes, extent, &bytes)) return -1;
  }
  return bytes;
}

// Sorts the tensors and checks that they fill `data_bytes`.
absl::Status PlaceTensors(std::int64_t data_bytes, std::vector<TensorEntry>* tensors) {
  std::ranges::sort(*tensors, [](const TensorEntry& a, const TensorEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::int64_t end = 0;
  for (const TensorEntry& tensor : *tensors) {
    if (tensor.begin != end || tensor.end < tensor.begin) {
      return MalformedTensor(tensor.name,
                             absl::StrCat("expected its bytes to begin at ", end,
                                          ", where those before it end, got data_offsets ",
                                          ShapeText({tensor.begin, tensor.end})));
    }
    const std::int64_t bytes = BytesOf(tensor);
    if (bytes != tensor.end - tensor.begin) {
      return MalformedTensor(
          tensor.name,
          absl::StrCat(tensor.type->name.data(), " ", ShapeText(tensor.shape), " takes ",
                       bytes < 0 ? "more than 63 bits of" : absl::StrCat(bytes),
                       " bytes, got data_offsets ", ShapeText({tensor.begin, tensor.end})));
    }
    end = tensor.end;
  }
  if (end == data_bytes) return absl::OkStatus();
  return Malformed(absl::StrCat(
      "expected ", end, " bytes after its header, where its tensors end, got ", data_bytes));
}

// The length of the header, once there are eight bytes.
std::int64_t HeaderBytes(const absl::Cord& file) {
  std::string text;
  absl::CopyCordToString(file.Subcord(0, kLengthBytes), &text);
  std::uint64_t length = 0;
  std::memcpy(&length, text.data(), sizeof length);
  constexpr auto kTooMany = static_cast<std::uint64_t>(kMostHeaderBytes) + 1;
  return static_cast<std::int64_t>(std::min(length, kTooMany));
}

}  // namespace

std::size_t HeaderBytesIn(const absl::Cord& file) {
  if (static_cast<std::int64_t>(file.size()) < kLengthBytes) return 0;
  return std::min(file.size(), static_cast<std::size_t>(HeaderBytes(file)));
}

absl::Status CheckBeginning(const absl::Cord& file) {
  const auto size = static_cast<std::int64_t>(file.size());
  if (size < kLengthBytes) return absl::OkStatus();
  const std::int64_t header = HeaderBytes(file);
  if (header > kMostHeaderBytes) {
    return Malformed(absl::StrCat("it says that its header has more than ", kMostHeaderBytes,
                                  " bytes, so it is no safetensors file"));
  }
  if (size == kLengthBytes) return absl::OkStatus();
  if (header == 0 || file[kLengthBytes] != '{') {
    return Malformed("its header does not begin with {, so it is no safetensors file");
  }
  return absl::OkStatus();
}

absl::StatusOr<SafetensorsHeader> ReadHeader(const absl::Cord& file) {
  RETURN_IF_ERROR(CheckBeginning(file));
  const auto size = static_cast<std::int64_t>(file.size());
  if (size < kLengthBytes || HeaderBytes(file) > size - kLengthBytes) {
    return Malformed(absl::StrCat("it ends within its header, after ", size, " bytes"));
  }
  const std::int64_t header_bytes = HeaderBytes(file);
  std::string json;
  absl::CopyCordToString(file.Subcord(kLengthBytes, static_cast<std::size_t>(header_bytes)), &json);
  HeaderSax sax;
  const bool parsed = Json::sax_parse(json, &sax);
  RETURN_IF_ERROR(sax.TakeStatus());
  if (!parsed) return Malformed("its header is no JSON");
  SafetensorsHeader header = sax.TakeHeader();
  header.data_begin = kLengthBytes + header_bytes;
  RETURN_IF_ERROR(PlaceTensors(size - header.data_begin, &header.tensors));
  return header;
}

std::string ShapeText(absl::Span<const std::int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

std::string QuotedName(std::string_view name) {
  const absl::string_view shown(name.data(), std::min(name.size(), kMostNameInErrors));
  return absl::StrCat("\"", absl::CHexEscape(shown), shown.size() < name.size() ? "…" : "", "\"");
}

}  // namespace descent::exchange
