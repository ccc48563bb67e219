#include "client/cli/arrays/npy_header.h"

#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/failure.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"
#include "client/cli/text/charset.h"

namespace descent::cli {
namespace {

constexpr absl::string_view kNpyMagic = "\x93NUMPY";
constexpr size_t kMaxHeaderBytes = 8 << 20;  // of a million columns with short names
constexpr size_t kMaxRowBytes = 64 << 20;
constexpr size_t kMaxArrayFields = 1'000'000;

// Reads Python literals from the front of a text. What does not fit makes it fail for good.
class LiteralReader {
 public:
  explicit LiteralReader(absl::string_view text) : rest_(text) {}

  bool failed() const { return failed_; }

  // Whether the sign comes next, after spaces, which it takes.
  bool Take(absl::string_view sign) {
    rest_ = absl::StripLeadingAsciiWhitespace(rest_);
    return absl::ConsumePrefix(&rest_, sign);
  }
  void Expect(absl::string_view sign) { failed_ = failed_ || !Take(sign); }

  bool NextIs(char sign) {
    rest_ = absl::StripLeadingAsciiWhitespace(rest_);
    return !rest_.empty() && rest_.front() == sign;
  }
  bool AtEnd() { return absl::StripAsciiWhitespace(rest_).empty(); }

  std::string Text() {
    const bool single = NextIs('\'');
    if (!single && !NextIs('"')) return Failed();
    const char quote = rest_.front();
    std::string text;
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == quote) {
        rest_.remove_prefix(i + 1);
        return text;
      }
      if (rest_[i] == '\\' && (++i >= rest_.size() || !absl::StrContains("\\'\"", rest_[i]))) {
        return Failed();
      }
      text += rest_[i];
    }
    return Failed();
  }

  int64_t Number() {
    rest_ = absl::StripLeadingAsciiWhitespace(rest_);
    size_t digits = 0;
    while (digits < rest_.size() && absl::ascii_isdigit(static_cast<unsigned char>(rest_[digits])))
      ++digits;
    int64_t number = 0;
    if (!absl::SimpleAtoi(rest_.substr(0, digits), &number)) Failed();
    rest_.remove_prefix(digits);
    Take("L");  // as Python 2 wrote it
    return number;
  }

  // (3, 4) or (3,) or ().
  std::vector<int64_t> Numbers() {
    std::vector<int64_t> numbers;
    Expect("(");
    while (!failed_ && !Take(")")) {
      numbers.push_back(Number());
      if (!Take(",") && !NextIs(')')) Failed();
      failed_ = failed_ || numbers.size() > kMaxDimensions;
    }
    return numbers;
  }

 private:
  static constexpr size_t kMaxDimensions = 64;

  std::string Failed() {
    failed_ = true;
    return "";
  }

  absl::string_view rest_;
  bool failed_ = false;
};

// What the items of a type can't be read as, for people; empty if it is not known either.
std::string UnreadType(char kind) {
  switch (kind) {
    case 'O':
      return "Python objects, which are pickled; write each column as an array of numbers or texts";
    case 'c':
      return "complex numbers; write their real and imaginary parts as columns";
    case 'M':
    case 'm':
      return "dates or durations of NumPy; write them as texts, with .astype(str)";
    case 'V':
      return "bytes without a type";
    default:
      return "";
  }
}

std::optional<NpyKind> KindOf(char kind, int64_t size) {
  const bool power = size == 1 || size == 2 || size == 4 || size == 8;
  switch (kind) {
    case 'b':
      return size == 1 ? std::optional(NpyKind::kBool) : std::nullopt;
    case 'i':
      return power ? std::optional(NpyKind::kSigned) : std::nullopt;
    case 'u':
      return power ? std::optional(NpyKind::kUnsigned) : std::nullopt;
    case 'f':
      return power && size > 1 ? std::optional(NpyKind::kFloat) : std::nullopt;
    case 'S':
    case 'a':
      return size > 0 ? std::optional(NpyKind::kBytes) : std::nullopt;
    case 'U':
      return size > 0 ? std::optional(NpyKind::kText) : std::nullopt;
    default:
      return std::nullopt;
  }
}

class HeaderParser {
 public:
  HeaderParser(const std::string& name, absl::string_view text) : name_(name), reader_(text) {}

  absl::StatusOr<NpyHeader> Parse() {
    reader_.Expect("{");
    while (!reader_.failed() && !reader_.Take("}")) {
      const std::string key = reader_.Text();
      reader_.Expect(":");
      RETURN_IF_ERROR(TakeEntry(key));
      if (!reader_.Take(",") && !reader_.NextIs('}')) return Damaged();
    }
    if (reader_.failed() || !reader_.AtEnd() || !has_type_ || !has_order_ || !shape_.has_value()) {
      return Damaged();
    }
    RETURN_IF_ERROR(TakeShape());
    return std::move(header_);
  }

 private:
  absl::Status TakeEntry(const std::string& key) {
    if (key == "descr" && !has_type_) {
      has_type_ = true;
      if (!reader_.NextIs('[')) return TakeType("");
      return TakeFields();
    }
    if (key == "fortran_order" && !has_order_) {
      has_order_ = true;
      header_.fortran_order = reader_.Take("True");
      if (!header_.fortran_order) reader_.Expect("False");
    } else if (key == "shape" && !shape_.has_value()) {
      shape_ = reader_.Numbers();
    } else {
      return Damaged();
    }
    return absl::OkStatus();
  }

  // [('a', '<f8'), ('b', '<i4')]
  absl::Status TakeFields() {
    header_.records = true;
    reader_.Expect("[");
    while (!reader_.failed() && !reader_.Take("]")) {
      reader_.Expect("(");
      if (reader_.NextIs('(')) return Error("its fields have titles, which are not read");
      const std::string field = reader_.Text();
      reader_.Expect(",");
      if (reader_.NextIs('[')) return Error(Field(field, "has fields of its own"));
      RETURN_IF_ERROR(TakeType(field));
      if (reader_.Take(",") && !reader_.NextIs(')')) {
        return Error(Field(field, "holds an array in each row; a cell holds one value"));
      }
      reader_.Expect(")");
      if (!reader_.Take(",") && !reader_.NextIs(']')) return Damaged();
      if (header_.fields.size() > kMaxArrayFields) return Error("it has too many fields");
    }
    if (reader_.failed()) return Damaged();
    if (header_.fields.empty()) return Error("its records have no fields");
    return absl::OkStatus();
  }

  absl::Status TakeType(const std::string& field) {
    const std::string type = reader_.Text();
    absl::string_view rest = type;
    const bool big_endian = absl::ConsumePrefix(&rest, ">");
    if (!big_endian && !absl::ConsumePrefix(&rest, "<") && !absl::ConsumePrefix(&rest, "|")) {
      absl::ConsumePrefix(&rest, "=");
    }
    if (reader_.failed() || rest.empty()) return Damaged();
    int64_t size = 0;
    const bool sized = absl::SimpleAtoi(rest.substr(1), &size) && size >= 0 &&
                       size <= static_cast<int64_t>(kMaxRowBytes);
    // What keeps the fields of a record apart.
    const bool padding = header_.records && field.empty() && rest.front() == 'V' && sized;
    const std::optional<NpyKind> kind = sized ? KindOf(rest.front(), size) : std::nullopt;
    if (!kind.has_value() && !padding) {
      const std::string why = UnreadType(rest.front());
      const std::string what =
          why.empty() ? absl::StrCat("items of the type ", Shortened(type), ", which is not read")
                      : why;
      return Error(field.empty() ? absl::StrCat("it holds ", what)
                                 : Field(field, absl::StrCat("holds ", what)));
    }
    const auto bytes = static_cast<size_t>(kind == NpyKind::kText ? 4 * size : size);
    if (!padding) {
      header_.fields.push_back({field, *kind, bytes, header_.item_bytes, big_endian});
    }
    header_.item_bytes += bytes;
    if (header_.item_bytes > kMaxRowBytes) return TooLong();
    return absl::OkStatus();
  }

  absl::Status TakeShape() {
    const std::vector<int64_t>& shape = *shape_;
    if (shape.empty() || shape.size() > 2 || (header_.records && shape.size() > 1)) {
      return Error(absl::StrCat(
          "it has ", shape.size(), " dimensions, and a table",
          header_.records ? " of records has one" : " has two, rows and columns (or one column)",
          "; reshape it"));
    }
    header_.rows = shape.front();
    header_.columns = shape.size() == 2 ? shape.back() : 1;
    if (header_.columns == 0) return Error("it has no columns");
    const auto most = static_cast<int64_t>(kMaxRowBytes / header_.item_bytes);
    if (header_.columns > most ||
        static_cast<size_t>(header_.columns) * header_.fields.size() > kMaxArrayFields) {
      return TooLong();
    }
    if (header_.rows >
        std::numeric_limits<int64_t>::max() / (2 * static_cast<int64_t>(header_.row_bytes()))) {
      return Damaged();
    }
    return absl::OkStatus();
  }

  static std::string Field(const std::string& field, absl::string_view what) {
    return absl::StrCat("its field \"", Shortened(field), "\" ", what);
  }
  absl::Status TooLong() const { return Error("a row of it is longer than any should be"); }
  absl::Status Damaged() const { return Error("its header is damaged"); }
  absl::Status Error(absl::string_view what) const {
    return DataError({name_}, absl::StrCat("the NumPy array can't be read: ", what));
  }

  const std::string& name_;
  LiteralReader reader_;
  NpyHeader header_;
  bool has_type_ = false;
  bool has_order_ = false;
  std::optional<std::vector<int64_t>> shape_;
};

std::string Latin1ToUtf8(absl::string_view text) {
  std::string utf8;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      utf8 += c;
    } else {
      utf8 += static_cast<char>(0xC0 | (byte >> 6));
      utf8 += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return utf8;
}

}  // namespace

absl::StatusOr<NpyHeader> ReadNpyHeader(const std::string& name, ByteStream* stream) {
  const auto error = [&name](absl::string_view what) { return DataError({name}, what); };
  constexpr absl::string_view kCut = "the NumPy array is cut short in its header";
  constexpr size_t kVersionAt = 6;
  std::array<char, 12> start;
  ASSIGN_OR_RETURN(size_t got, stream->Read(start.data(), kVersionAt + 2));
  if (!absl::StartsWith(absl::string_view(start.data(), got), kNpyMagic)) {
    return error("it is no NumPy array: it does not begin like one");
  }
  if (got < kVersionAt + 2) return error(kCut);
  const int version = static_cast<unsigned char>(start[kVersionAt]);
  if (version < 1 || version > 3 || start[kVersionAt + 1] != 0) {
    return error(absl::StrCat("the NumPy array is of version ", version, ".",
                              static_cast<int>(static_cast<unsigned char>(start[kVersionAt + 1])),
                              "; 1.0, 2.0 and 3.0 are read"));
  }
  const size_t length_bytes = version == 1 ? 2 : 4;
  ASSIGN_OR_RETURN(got, stream->Read(start.data(), length_bytes));
  if (got < length_bytes) return error(kCut);
  size_t length = 0;
  for (size_t i = length_bytes; i > 0; --i) {
    length = length << 8 | static_cast<unsigned char>(start[i - 1]);
  }
  if (length > kMaxHeaderBytes) return error("the header of the NumPy array is too long");
  std::string text(length, '\0');
  ASSIGN_OR_RETURN(got, stream->Read(text.data(), length));
  if (got < length) return error(kCut);
  if (version < 3) text = Latin1ToUtf8(text);
  if (FirstNotUtf8(text) != absl::string_view::npos) {
    return error("the header of the NumPy array is not of UTF-8");
  }
  ASSIGN_OR_RETURN(NpyHeader header, HeaderParser(name, text).Parse());
  header.bytes = kVersionAt + 2 + length_bytes + length;
  return header;
}

}  // namespace descent::cli
