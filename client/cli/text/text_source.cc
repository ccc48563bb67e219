#include "client/cli/text/text_source.h"

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/failure.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kLongestMagic = 264;  // tar's stands far behind
constexpr size_t kTarMagicAt = 257;

struct Magic {
  absl::string_view bytes;  // with which files of the format begin
  absl::string_view name;
  absl::string_view advice;
};

constexpr absl::string_view kUnpack = "unpack it, or pipe it in";
constexpr absl::string_view kExport = "save the table as CSV";

constexpr std::array kMagics = {
    Magic{"\x28\xB5\x2F\xFD", "compressed by zstd", "zstd -dc FILE | descent ... --csv -"},
    Magic{"BZh", "compressed by bzip2", "bzip2 -dc FILE | descent ... --csv -"},
    Magic{"\xFD"
          "7zXZ",
          "compressed by xz", "xz -dc FILE | descent ... --csv -"},
    Magic{"\x04\x22\x4D\x18", "compressed by lz4", "lz4 -dc FILE | descent ... --csv -"},
    Magic{"7z\xBC\xAF\x27\x1C", "a 7z archive", kUnpack},
    Magic{"Rar!", "a RAR archive", kUnpack},
    Magic{"PK\x03\x04", "a ZIP archive, or a spreadsheet such as .xlsx or .ods",
          "unpack it, or save the spreadsheet as CSV"},
    Magic{"\xD0\xCF\x11\xE0", "an old Excel spreadsheet", kExport},
    Magic{"PAR1", "a Parquet file", kExport},
    Magic{"ARROW1", "an Arrow or Feather file", kExport},
    Magic{"FEA1", "a Feather file", kExport},
    Magic{"ORC", "an ORC file", kExport},
    Magic{"Obj\x01", "an Avro file", kExport},
    Magic{"\x89HDF", "an HDF5 file", kExport},
    Magic{"\x93NUMPY", "a NumPy array", "write it with numpy.savetxt(..., delimiter=',')"},
    Magic{"\x80\x04\x95", "a Python pickle", kExport},
    Magic{"\x80\x05\x95", "a Python pickle", kExport},
    Magic{"SQLite format 3", "an SQLite database", "sqlite3 -csv -header FILE 'SELECT ...'"},
    Magic{"%PDF-", "a PDF document", kExport},
    Magic{"\x89PNG", "a picture", kExport},
    Magic{"\xFF\xD8\xFF", "a picture", kExport},
    Magic{"\x7F"
          "ELF",
          "a program", "it should be a table"},
};

absl::Status IsNotCsv(const std::string& name, absl::string_view what, absl::string_view advice) {
  return DataError({name}, absl::StrCat("the file is ", what, ", not CSV: ", advice));
}

absl::Status CheckMagic(const std::string& name, absl::string_view bytes) {
  for (const Magic& magic : kMagics) {
    if (absl::StartsWith(bytes, magic.bytes)) return IsNotCsv(name, magic.name, magic.advice);
  }
  if (bytes.size() > kTarMagicAt && absl::StartsWith(bytes.substr(kTarMagicAt), "ustar")) {
    return IsNotCsv(name, "a tar archive", kUnpack);
  }
  return absl::OkStatus();
}

// Texts of another kind. A CSV file may begin with nearly anything, so more than one sign is
// needed.
absl::Status CheckText(const std::string& name, absl::string_view text) {
  text = absl::StripLeadingAsciiWhitespace(text);
  const absl::string_view rest =
      text.empty() ? text : absl::StripLeadingAsciiWhitespace(text.substr(1));
  const auto next_is = [&rest](absl::string_view signs) {
    return !rest.empty() && absl::StrContains(signs, rest.front());
  };
  if ((absl::StartsWith(text, "{") && next_is("\"}")) ||
      (absl::StartsWith(text, "[") && next_is("{[\""))) {
    return IsNotCsv(name, "JSON", "jq -r '... | @csv' writes it as CSV");
  }
  if (absl::StartsWithIgnoreCase(text, "<!doctype") || absl::StartsWithIgnoreCase(text, "<html") ||
      absl::StartsWith(text, "<?xml")) {
    return IsNotCsv(name, "HTML or XML",
                    "if it was downloaded, look whether it is a page that says why not");
  }
  if (absl::StartsWithIgnoreCase(text, "@relation")) {
    return IsNotCsv(name, "an ARFF file", kExport);
  }
  return absl::OkStatus();
}

// Takes Excel's line off the beginning of a text, and returns the character that it names. The line
// may stand in quotes.
std::optional<char> TakeSeparatorLine(absl::string_view* text) {
  absl::string_view rest = *text;
  const bool quoted = absl::ConsumePrefix(&rest, "\"");
  constexpr absl::string_view kSign = "sep=";
  if (!absl::StartsWithIgnoreCase(rest, kSign) || rest.size() <= kSign.size()) return std::nullopt;
  const char separator = rest[kSign.size()];
  rest.remove_prefix(kSign.size() + 1);
  if (separator == '"' || separator == '\r' || separator == '\n') return std::nullopt;
  if (quoted && !absl::ConsumePrefix(&rest, "\"")) return std::nullopt;
  if (!absl::ConsumePrefix(&rest, "\r\n") && !absl::ConsumePrefix(&rest, "\n") &&
      !absl::ConsumePrefix(&rest, "\r")) {
    return std::nullopt;
  }
  *text = rest;
  return separator;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TextSource>> TextSource::Open(const std::string& path,
                                                             const std::string& charset) {
  std::unique_ptr<TextSource> source(new TextSource);
  source->name_ = path == "-" ? "standard input" : path;
  source->charset_ = charset;
  ASSIGN_OR_RETURN(source->input_, ByteInput::Open(path, source->name_));
  RETURN_IF_ERROR(source->Begin());
  return source;
}

std::unique_ptr<TextSource> TextSource::OfText(std::string name, std::string text) {
  std::unique_ptr<TextSource> source(new TextSource);
  source->name_ = std::move(name);
  source->ahead_ = std::move(text);
  return source;
}

absl::Status TextSource::Begin() {
  recognised_.clear();
  decoder_.reset();
  // What a pipe has given until now is enough but for the shortest magic numbers.
  constexpr size_t kEnough = 16;
  std::string bytes;
  std::string more;
  bool any = true;
  while (any && bytes.size() < kEnough) {
    ASSIGN_OR_RETURN(any, input_->Read(&more));
    if (any) bytes += more;
  }
  RETURN_IF_ERROR(CheckMagic(name_, absl::string_view(bytes).substr(0, kLongestMagic)));
  if (input_->compressed()) recognised_.emplace_back("gzip");
  const std::string charset = charset_.empty() ? WideCharset(bytes) : charset_;
  if (!charset.empty()) {
    ASSIGN_OR_RETURN(decoder_, CharsetDecoder::Create(charset));
    if (charset_.empty()) recognised_.push_back(charset);
    ahead_.clear();
    RETURN_IF_ERROR(decoder_->Decode(bytes, !any, name_, &ahead_));
  } else {
    ahead_ = std::move(bytes);
  }
  absl::string_view text = ahead_;
  const bool marked = absl::ConsumePrefix(&text, kByteOrderMark);
  separator_ = TakeSeparatorLine(&text);
  if (marked || separator_.has_value()) ahead_ = std::string(text);
  return CheckText(name_, ahead_);
}

absl::StatusOr<bool> TextSource::Decode(std::string* piece) {
  if (!ahead_.empty()) {
    *piece = std::move(ahead_);
    ahead_.clear();
    return true;
  }
  if (input_ == nullptr) return false;
  if (decoder_ == nullptr) return input_->Read(piece);
  std::string bytes;
  piece->clear();
  while (piece->empty()) {  // a piece may end within its first character
    ASSIGN_OR_RETURN(const bool any, input_->Read(&bytes));
    if (!any) bytes.clear();
    RETURN_IF_ERROR(decoder_->Decode(bytes, !any, name_, piece));
    if (!any) return !piece->empty();
  }
  return true;
}

absl::StatusOr<bool> TextSource::Read(std::string* piece) {
  if (replayed_ < kept_.size()) {
    *piece = kept_[replayed_++];
    return true;
  }
  ASSIGN_OR_RETURN(const bool any, Decode(piece));
  if (any && keep_) {
    kept_.push_back(*piece);
    replayed_ = kept_.size();
  }
  return any;
}

absl::StatusOr<absl::string_view> TextSource::Peek(size_t bytes) {
  std::string whole;
  std::string piece;
  while (whole.size() < bytes) {
    ASSIGN_OR_RETURN(const bool any, Decode(&piece));
    if (!any) break;
    whole += piece;
  }
  ahead_ = std::move(whole);
  return absl::string_view(ahead_);
}

void TextSource::KeepForRewind() { keep_ = input_ == nullptr || !input_->seekable(); }

absl::Status TextSource::Rewind() {
  if (keep_) {
    replayed_ = 0;
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(input_->Rewind());
  return Begin();
}

}  // namespace descent::cli
