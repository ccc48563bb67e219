#include "client/cli/text/text_source.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";
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
                                                             const std::string& charset,
                                                             std::optional<FileFormat> format) {
  std::unique_ptr<TextSource> source(new TextSource);
  source->name_ = path == "-" ? "standard input" : path;
  source->charset_ = charset;
  source->wanted_format_ = format;
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
  std::string bytes;
  std::string more;
  bool any = true;
  while (any && bytes.size() < BytesToTell(bytes)) {
    ASSIGN_OR_RETURN(any, input_->Read(&more));
    if (any) bytes += more;
  }
  if (input_->compression() != nullptr) recognised_.emplace_back(input_->compression());
  const std::optional<FileFormat> binary =
      wanted_format_.has_value() ? wanted_format_ : BinaryFormatOf(bytes);
  if (binary.has_value() && !IsText(*binary)) {
    format_ = *binary;
    ahead_ = std::move(bytes);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(CheckReadable(name_, bytes));
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
  format_ =
      wanted_format_.value_or(LooksLikeJsonLines(text) ? FileFormat::kJsonLines : FileFormat::kCsv);
  separator_ = format_ == FileFormat::kCsv ? TakeSeparatorLine(&text) : std::nullopt;
  if (marked || separator_.has_value()) ahead_ = std::string(text);
  return wanted_format_.has_value() ? absl::OkStatus() : CheckCsvText(name_, ahead_);
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

bool TextSource::in_place() const {
  return input_ != nullptr && input_->seekable() && input_->compression() == nullptr;
}

absl::StatusOr<std::shared_ptr<const DiskFile>> TextSource::AsFile() {
  if (file_ != nullptr) return file_;
  if (in_place()) {
    ASSIGN_OR_RETURN(file_, input_->AsFile());
  } else {
    const auto next = [this](std::string* piece) { return Decode(piece); };
    ASSIGN_OR_RETURN(file_, DiskFile::Spool(next, name_));
  }
  return file_;
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
