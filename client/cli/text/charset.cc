#include "client/cli/text/charset.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"

namespace descent::cli {
namespace {

// How long the character is that begins with this byte, 0 if none does.
size_t LengthFrom(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  if (first >= 0xF0 && first < 0xF5) return 4;
  return 0;
}

bool IsCharacter(absl::string_view bytes) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  for (size_t i = 1; i < bytes.size(); ++i) {
    if ((byte(i) & 0xC0) != 0x80) return false;
  }
  // Longer than need be, half of a pair of UTF-16, or beyond the last.
  if (byte(0) == 0xE0) return byte(1) >= 0xA0;
  if (byte(0) == 0xED) return byte(1) < 0xA0;
  if (byte(0) == 0xF0) return byte(1) >= 0x90;
  if (byte(0) == 0xF4) return byte(1) < 0x90;
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CharsetDecoder>> CharsetDecoder::Create(const std::string& charset) {
  iconv_t converter = iconv_open("UTF-8", charset.c_str());
  // NOLINTNEXTLINE(performance-no-int-to-ptr): that is how iconv says it.
  if (converter == reinterpret_cast<iconv_t>(-1)) {
    return UsageError(absl::StrCat("--encoding: \"", charset,
                                   "\" is not known here; iconv --list names those that are"));
  }
  return std::unique_ptr<CharsetDecoder>(new CharsetDecoder(converter, charset));
}

CharsetDecoder::CharsetDecoder(iconv_t converter, std::string charset)
    : converter_(converter), charset_(std::move(charset)) {}

CharsetDecoder::~CharsetDecoder() { iconv_close(converter_); }

absl::Status CharsetDecoder::Decode(absl::string_view bytes, bool last, const std::string& name,
                                    std::string* text) {
  cut_.append(bytes.data(), bytes.size());
  char* in = cut_.data();
  size_t in_left = cut_.size();
  std::array<char, 16384> buffer;
  const auto is_bad = [&] {
    return DataError({name, line_}, absl::StrCat("what stands here is not ", charset_));
  };
  while (in_left > 0) {
    char* out = buffer.data();
    size_t out_left = buffer.size();
    const size_t result = iconv(converter_, &in, &in_left, &out, &out_left);
    const int error = result == static_cast<size_t>(-1) ? errno : 0;
    text->append(buffer.data(), out - buffer.data());
    line_ += std::count(buffer.data(), out, '\n');
    if (error == EILSEQ) return is_bad();
    if (error == EINVAL) break;  // a character that is not whole yet
  }
  if (in_left > 0 && last) return is_bad();
  cut_.erase(0, cut_.size() - in_left);
  return absl::OkStatus();
}

std::string WideCharset(absl::string_view beginning) {
  using namespace std::string_literals;
  if (absl::StartsWith(beginning, "\xFF\xFE\0\0"s)) return "UTF-32LE";
  if (absl::StartsWith(beginning, "\0\0\xFE\xFF"s)) return "UTF-32BE";
  if (absl::StartsWith(beginning, "\xFF\xFE")) return "UTF-16LE";
  if (absl::StartsWith(beginning, "\xFE\xFF")) return "UTF-16BE";
  constexpr size_t kLooked = 4096;
  const size_t pairs = std::min(beginning.size(), kLooked) / 2;
  size_t first_zeros = 0;
  size_t second_zeros = 0;
  for (size_t i = 0; i < pairs; ++i) {
    first_zeros += beginning[2 * i] == '\0' ? 1 : 0;
    second_zeros += beginning[2 * i + 1] == '\0' ? 1 : 0;
  }
  if (pairs == 0) return "";
  if (first_zeros == 0 && second_zeros * 2 > pairs) return "UTF-16LE";
  if (second_zeros == 0 && first_zeros * 2 > pairs) return "UTF-16BE";
  return "";
}

size_t FirstNotUtf8(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto first = static_cast<unsigned char>(text[i]);
    const size_t length = first < 0x80 ? 1 : LengthFrom(first);
    if (length == 0 || length > text.size() - i) return i;
    if (length > 1 && !IsCharacter(text.substr(i, length))) return i;
    i += length;
  }
  return absl::string_view::npos;
}

}  // namespace descent::cli
