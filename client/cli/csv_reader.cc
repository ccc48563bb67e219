#include "client/cli/csv_reader.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

constexpr size_t kBufferBytes = 64 * 1024;
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

void CsvReader::ParserDeleter::operator()(csv_parser* parser) const {
  csv_free(parser);
  delete parser;
}

void CsvReader::FileDeleter::operator()(std::FILE* file) const {
  if (file != stdin) std::fclose(file);
}

CsvReader::CsvReader(std::string name, std::FILE* file, const CsvOptions& options)
    : name_(std::move(name)), file_(file), parser_(new csv_parser) {
  csv_init(parser_.get(), CSV_STRICT | CSV_STRICT_FINI);
  csv_set_delim(parser_.get(), static_cast<unsigned char>(options.delimiter));
}

absl::StatusOr<CsvReader> CsvReader::Open(const std::string& path, const CsvOptions& options) {
  const bool standard_input = path == "-";
  std::FILE* file = standard_input ? stdin : std::fopen(path.c_str(), "rb");
  if (file == nullptr) return DataError({path}, std::generic_category().message(errno));
  return Begin(standard_input ? "standard input" : path, file, options);
}

absl::StatusOr<CsvReader> CsvReader::OpenText(const std::string& name, const std::string& text,
                                              const CsvOptions& options) {
  std::FILE* file = fmemopen(nullptr, text.size() + 1, "w+");
  if (file == nullptr) return DataError({name}, std::generic_category().message(errno));
  std::fwrite(text.data(), 1, text.size(), file);
  std::rewind(file);
  return Begin(name, file, options);
}

absl::StatusOr<CsvReader> CsvReader::Begin(std::string name, std::FILE* file,
                                           const CsvOptions& options) {
  CsvReader reader(std::move(name), file, options);
  RETURN_IF_ERROR(reader.ReadColumns(options));
  return reader;
}

absl::Status CsvReader::ReadColumns(const CsvOptions& options) {
  RETURN_IF_ERROR(Fill().status());
  if (absl::StartsWith(buffer_, kByteOrderMark)) position_ = kByteOrderMark.size();
  ASSIGN_OR_RETURN(const bool any, ReadRecord());
  if (!any) return DataError({name_}, "the file holds no rows");

  absl::flat_hash_set<std::string> seen;
  for (size_t i = 0; i < record_.fields.size(); ++i) {
    const bool named = options.header && !record_.fields[i].empty();
    columns_.push_back(named ? record_.fields[i] : absl::StrCat(i + 1));
    if (!seen.insert(columns_.back()).second) {
      return DataError(PlaceOf(record_, i),
                       absl::StrCat("a second column is called \"", columns_.back(), "\""));
    }
  }
  held_ = !options.header;
  return absl::OkStatus();
}

absl::StatusOr<bool> CsvReader::Next(CsvRecord* record) {
  if (!held_) {
    ASSIGN_OR_RETURN(const bool any, ReadRecord());
    if (!any) return false;
  }
  held_ = false;
  std::swap(*record, record_);
  const size_t expected = columns_.size();
  const size_t actual = record->fields.size();
  if (actual != expected) {
    // The first field that is missing, or the first that is too many.
    return DataError(PlaceOf(*record, std::min(expected, actual)),
                     absl::StrCat("expected ", expected, " fields, got ", actual));
  }
  return true;
}

Place CsvReader::PlaceOf(const CsvRecord& record, size_t field) const {
  return {name_, record.line, static_cast<int64_t>(field) + 1};
}

absl::StatusOr<bool> CsvReader::ReadRecord() {
  complete_ = false;
  field_count_ = 0;
  while (!complete_) {
    if (position_ == buffer_.size()) {
      if (finished_) return false;
      ASSIGN_OR_RETURN(const bool more, Fill());
      if (!more) {
        finished_ = true;
        if (csv_fini(parser_.get(), OnField, OnRecord, this) != 0) {
          return DataError({name_, field_line_, static_cast<int64_t>(field_count_) + 1},
                           "the quote that begins here is never closed");
        }
        continue;
      }
    }
    RETURN_IF_ERROR(ParseLine());
  }
  record_.fields.resize(field_count_);
  return true;
}

absl::StatusOr<bool> CsvReader::Fill() {
  buffer_.resize(kBufferBytes);
  position_ = 0;
  buffer_.resize(std::fread(buffer_.data(), 1, buffer_.size(), file_.get()));
  if (std::ferror(file_.get()) != 0)
    return DataError({name_}, std::generic_category().message(errno));
  return !buffer_.empty();
}

absl::Status CsvReader::ParseLine() {
  const absl::string_view rest = absl::string_view(buffer_).substr(position_);
  const size_t end = rest.find_first_of("\r\n");
  const bool ends = end != absl::string_view::npos;
  const absl::string_view line = ends ? rest.substr(0, end + 1) : rest;

  const size_t parsed = csv_parse(parser_.get(), line.data(), line.size(), OnField, OnRecord, this);
  if (parsed != line.size()) {
    const int error = csv_error(parser_.get());
    return DataError(
        {name_, line_, static_cast<int64_t>(field_count_) + 1},
        error == CSV_EPARSE
            ? "a quote inside an unquoted field, or text after a closing quote; put the whole "
              "field in quotes and double each quote in it"
            : csv_strerror(error));
  }
  position_ += line.size();
  if (!ends) {
    after_cr_ = false;
    return absl::OkStatus();
  }
  const bool second_half = line == "\n" && after_cr_;
  after_cr_ = line.back() == '\r';
  if (!second_half) ++line_;
  // A line end inside quotes belongs to the field; any other ends a record or a blank line.
  if (complete_ || parser_->quoted == 0) begin_line_ = field_line_ = line_;
  return absl::OkStatus();
}

void CsvReader::OnField(void* text, size_t size, void* reader) {
  auto* self = static_cast<CsvReader*>(reader);
  std::vector<std::string>& fields = self->record_.fields;
  if (fields.size() == self->field_count_) fields.emplace_back();
  fields[self->field_count_++].assign(static_cast<const char*>(text), size);
  self->field_line_ = self->line_;
}

void CsvReader::OnRecord(int /*terminator*/, void* reader) {
  auto* self = static_cast<CsvReader*>(reader);
  self->record_.line = self->begin_line_;
  self->complete_ = true;
}

}  // namespace descent::cli
