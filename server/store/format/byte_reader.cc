#include "server/store/format/byte_reader.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/text_view.h"
#include "server/store/errors.h"

namespace descent::store {

std::int64_t ByteReader::GetCount(std::string_view field) {
  const auto count = Get<std::int64_t>(field);
  if (count >= 0) return count;
  Fail(field, absl::StrCat("is negative: ", count));
  return 0;
}

std::string_view ByteReader::GetText(std::string_view field) {
  const auto size = Get<std::uint32_t>(field);
  const char* bytes = Take(size, field);
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
}

std::size_t ByteReader::GetElements(std::size_t least_bytes, std::string_view field) {
  const std::size_t elements = Get<std::uint32_t>(field);
  if (elements <= remaining() / least_bytes) return elements;
  Fail(field, absl::StrCat("are said to be ", elements, ", with ", remaining(), " bytes left"));
  return 0;
}

const char* ByteReader::Take(std::size_t size, std::string_view field) {
  if (!ok()) return nullptr;
  if (size > remaining()) {
    Fail(field, absl::StrCat("needs ", size, " bytes of ", remaining(), " left"));
    return nullptr;
  }
  const char* bytes = bytes_.data() + offset_;
  offset_ += size;
  return bytes;
}

void ByteReader::Fail(std::string_view field, std::string_view problem) {
  if (!ok()) return;
  error_ = absl::StrCat(View(what_), ": ", View(field), " ", View(problem), " (byte ", offset_,
                        " of ", bytes_.size(), ")");
}

void ByteReader::Fail(std::string_view field, const absl::Status& status) {
  const ErrorDetails details = GetErrorDetails(status);
  const auto damage = details.metadata.find("damage");
  const absl::string_view problem =
      damage == details.metadata.end() ? status.message() : absl::string_view(damage->second);
  Fail(field, absl::StrCat("can't be read: ", problem));
}

void ByteReader::ExpectEnd() {
  if (ok() && remaining() > 0) {
    Fail("the end", absl::StrCat("is followed by ", remaining(), " more bytes"));
  }
}

absl::Status ByteReader::status() const {
  return ok() ? absl::OkStatus() : StoredStateDamaged(error_);
}

}  // namespace descent::store
