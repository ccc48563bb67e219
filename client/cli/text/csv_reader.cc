#include "client/cli/text/csv_reader.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "client/cli/failure.h"
#include "client/cli/status_macros.h"
#include "client/cli/text/charset.h"

namespace descent::cli {
namespace {

// A record beyond these is a quote left open, or no CSV.
constexpr size_t kMaxRecordBytes = 64 << 20;
// By how much the parser's place for a field grows; its 128 bytes would copy a long one very often.
constexpr size_t kFieldGrowth = 1 << 20;
constexpr size_t kMaxFields = 1'000'000;

bool IsPlainNumber(const std::string& field) {
  return ParseQuantity(field).has_value() || ParseQuantity(field, {.decimal = ','}).has_value();
}

// Whether the record has a name of its own, a text or a whole number, before the fields that the
// header names, as R's write.table has them. An empty field at the end is rather one too many, and
// above a record of texts alone, which may be the header, may stand a title.
bool HasRowName(const std::vector<std::string>& names, const std::vector<std::string>& record) {
  if (names.size() < 2 || record.size() != names.size() + 1 || record.back().empty()) return false;
  const std::string& name = record.front();
  return std::any_of(record.begin(), record.end(), IsPlainNumber) &&
         (!IsPlainNumber(name) || std::all_of(name.begin(), name.end(), absl::ascii_isdigit));
}

// Takes the single quotes off all names, if they all stand in some.
void Unquote(std::vector<std::string>* names) {
  const auto is_quoted = [](const std::string& name) {
    return name.size() >= 2 && name.front() == '\'' && name.back() == '\'';
  };
  if (!std::all_of(names->begin(), names->end(), is_quoted)) return;
  for (std::string& name : *names) name = name.substr(1, name.size() - 2);
}

// The name, or with the lowest number behind it that none of `taken` has.
std::string FreeName(const std::string& name, absl::string_view between, int64_t number,
                     const absl::flat_hash_set<std::string>& taken) {
  std::string free = name;
  for (; taken.contains(free); ++number) free = absl::StrCat(name, between, number);
  return free;
}

}  // namespace

void CsvReader::ParserDeleter::operator()(csv_parser* parser) const {
  csv_free(parser);
  delete parser;
}

CsvReader::CsvReader(std::unique_ptr<TextSource> source, const CsvOptions& options)
    : source_(std::move(source)),
      parser_(new csv_parser),
      header_(options.header),
      line_(source_->first_line()),
      begin_line_(line_),
      field_line_(line_) {
  csv_init(parser_.get(), CSV_STRICT | CSV_STRICT_FINI);
  csv_set_blk_size(parser_.get(), kFieldGrowth);
  csv_set_delim(parser_.get(), static_cast<unsigned char>(options.delimiter));
}

absl::StatusOr<CsvReader> CsvReader::Open(const std::string& path, const CsvOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<TextSource> source, TextSource::Open(path, options.charset));
  return Begin(std::move(source), options);
}

absl::StatusOr<CsvReader> CsvReader::OpenText(const std::string& name, const std::string& text,
                                              const CsvOptions& options) {
  return Begin(TextSource::OfText(name, text), options);
}

absl::StatusOr<CsvReader> CsvReader::Begin(std::unique_ptr<TextSource> source,
                                           const CsvOptions& options) {
  CsvReader reader(std::move(source), options);
  RETURN_IF_ERROR(reader.ReadColumns(options));
  return reader;
}

absl::Status CsvReader::ReadColumns(const CsvOptions& options) {
  ASSIGN_OR_RETURN(const bool any, ReadRecord());
  if (!any) return DataError({name()}, "the file holds no rows");
  RETURN_IF_ERROR(CheckText(record_));
  std::vector<std::string> names;
  if (options.header) {
    names = record_.fields;
    ASSIGN_OR_RETURN(held_, ReadRecord());
    if (held_ && HasRowName(names, record_.fields)) names.insert(names.begin(), "");
  } else {
    names.resize(record_.fields.size());
    held_ = true;
  }
  NameColumns(std::move(names));
  return absl::OkStatus();
}

void CsvReader::NameColumns(std::vector<std::string> names) {
  Unquote(&names);
  absl::flat_hash_set<std::string> taken(names.begin(), names.end());
  absl::flat_hash_set<std::string> seen;
  for (size_t i = 0; i < names.size(); ++i) {
    std::string& name = names[i];
    named_.push_back(!name.empty());
    if (name.empty()) {
      name = absl::StrCat(i + 1);
      if (taken.contains(name)) name = FreeName(absl::StrCat("column ", name), ".", 1, taken);
    } else if (!seen.insert(name).second) {
      if (std::find(repeated_.begin(), repeated_.end(), name) == repeated_.end()) {
        repeated_.push_back(name);
      }
      name = FreeName(name, ".", 1, taken);
    }
    taken.insert(name);
  }
  columns_ = std::move(names);
}

absl::Status CsvReader::CheckText(const Record& record) const {
  for (size_t i = 0; i < record.fields.size(); ++i) {
    const size_t bad = FirstNotUtf8(record.fields[i]);
    if (bad == std::string::npos) continue;
    return DataError(
        PlaceOf(record, i),
        absl::StrFormat("byte 0x%02X is not of UTF-8; if the file is in another charset, such as "
                        "that of Western European Windows, say --encoding windows-1252",
                        static_cast<unsigned char>(record.fields[i][bad])));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> CsvReader::Next(Record* record) {
  if (!held_) {
    ASSIGN_OR_RETURN(const bool any, ReadRecord());
    if (!any) return false;
  }
  held_ = false;
  const bool first = !std::exchange(begun_, true);
  std::swap(*record, record_);
  const size_t expected = columns_.size();
  const size_t actual = record->fields.size();
  if (actual != expected) {
    // The first field that is missing, or the first that is too many. A title above the table is
    // easily taken for its header, and several of them for records of one field.
    const bool title = actual > expected && (first || expected == 1);
    return DataError(
        PlaceOf(*record, std::min(expected, actual)),
        absl::StrCat("expected ", expected, expected == 1 ? " field" : " fields", ", got ", actual,
                     title ? absl::StrCat("; if what stands above this line is a title and not the "
                                          "header, take it off, such as with tail -n +",
                                          record->line)
                           : ""));
  }
  RETURN_IF_ERROR(CheckText(*record));
  return true;
}

absl::StatusOr<bool> CsvReader::ReadRecord() {
  complete_ = false;
  field_count_ = 0;
  record_bytes_ = 0;
  while (!complete_) {
    if (position_ == buffer_.size()) {
      if (finished_) return false;
      ASSIGN_OR_RETURN(const bool more, Fill());
      if (!more) {
        finished_ = true;
        if (csv_fini(parser_.get(), OnField, OnRecord, this) != 0) {
          return DataError({name(), field_line_, static_cast<int64_t>(field_count_) + 1},
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
  position_ = 0;
  ASSIGN_OR_RETURN(const bool any, source_->Read(&buffer_));
  if (!any) buffer_.clear();
  return any;
}

absl::Status CsvReader::ParseLine() {
  const absl::string_view rest = absl::string_view(buffer_).substr(position_);
  const size_t end = rest.find_first_of("\r\n");
  const bool ends = end != absl::string_view::npos;
  const absl::string_view line = ends ? rest.substr(0, end + 1) : rest;

  const auto here = [this] { return Place{name(), line_, static_cast<int64_t>(field_count_) + 1}; };
  if (absl::StrContains(line, '\0')) {
    return DataError(here(), "a NUL byte: the file is damaged, or no text");
  }
  record_bytes_ += line.size();
  if (record_bytes_ > kMaxRecordBytes || field_count_ > kMaxFields) {
    return DataError({name(), field_line_, here().column},
                     absl::StrCat("the record that begins in line ", begin_line_,
                                  " is longer than any should be; is a quote left open?"));
  }
  const size_t parsed = csv_parse(parser_.get(), line.data(), line.size(), OnField, OnRecord, this);
  if (parsed != line.size()) {
    const int error = csv_error(parser_.get());
    return DataError(
        here(),
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
