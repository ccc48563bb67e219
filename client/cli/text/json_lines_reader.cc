#include "client/cli/text/json_lines_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

constexpr size_t kMaxLineBytes = 64 << 20;
constexpr size_t kMaxColumns = 1'000'000;
constexpr size_t kMaxNameBytes = 64 << 20;
// A table of which fewer cells hold something would be many times larger than its file.
constexpr double kLeastDensity = 0.001;
constexpr double kSmallTable = 1e7;  // cells, below which density is no matter

constexpr absl::string_view kOneObject = "jq -c . FILE writes one object a line";

}  // namespace

// Takes what the parser finds in a line. Stops it at the first thing that is no cell.
class JsonLinesReader::Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  Handler(JsonLinesReader* reader, Record* record) : reader_(*reader), record_(*record) {}

  const absl::Status& status() const { return status_; }

  bool null() override { return Put(""); }
  bool boolean(bool value) override { return Put(value ? "true" : "false"); }
  // Of negative numbers: a 0 is one with a minus.
  bool number_integer(number_integer_t value) override {
    return Put(value == 0 ? "-0" : absl::StrCat(value));
  }
  bool number_unsigned(number_unsigned_t value) override { return Put(absl::StrCat(value)); }
  bool number_float(number_float_t /*value*/, const string_t& text) override { return Put(text); }
  bool string(string_t& value) override {
    if (absl::StrContains(value, '\0')) return Fail("holds a NUL character");
    return Put(value);
  }
  bool binary(binary_t& /*value*/) override { return Fail("is no JSON"); }

  bool start_object(size_t /*elements*/) override {
    if (++depth_ > 1) return Fail("is an object: a cell holds one value");
    return true;
  }
  bool end_object() override { return true; }
  bool start_array(size_t /*elements*/) override {
    return Fail(depth_ == 0 ? "" : "is an array: a cell holds one value");
  }
  bool end_array() override { return true; }

  bool key(string_t& value) override {
    key_ = value;
    if (key_.empty()) return Fail("is a key that says nothing");
    if (absl::StrContains(key_, '\0')) return Fail("holds a NUL character");
    column_ = reader_.ColumnOf(key_);
    if (column_.has_value()) {
      int64_t& record = reader_.set_in_[*column_];
      if (record == reader_.records_) return Fail("is said twice");
      record = reader_.records_;
    }
    if (reader_.columns_.size() <= kMaxColumns && reader_.name_bytes_ <= kMaxNameBytes) return true;
    return Fail("is a key too many: there are more than a table may have columns");
  }

  bool parse_error(size_t position, const std::string& last,
                   const nlohmann::detail::exception& error) override {
    constexpr int kOutOfRange = 406;
    if (error.id == kOutOfRange) return Fail("is a number too large for a computer's");
    return FailLine(absl::StrCat("no JSON at byte ", position, ", \"", Shortened(last), "\""));
  }

 private:
  bool Put(absl::string_view cell) {
    if (depth_ == 0) return Fail("");
    ++reader_.values_;
    if (!column_.has_value()) return true;
    if (record_.fields.size() <= *column_) record_.fields.resize(*column_ + 1);
    record_.fields[*column_].assign(cell.data(), cell.size());
    return true;
  }

  bool Fail(absl::string_view what) {
    if (depth_ == 0) return FailLine("a line that is no object such as {\"x\": 1}");
    status_ = DataError({reader_.name(), reader_.line_},
                        absl::StrCat("\"", Shortened(key_), "\" ", what));
    return false;
  }

  bool FailLine(absl::string_view what) {
    status_ = DataError({reader_.name(), reader_.line_}, absl::StrCat(what, "; ", kOneObject));
    return false;
  }

  JsonLinesReader& reader_;
  Record& record_;
  int depth_ = 0;
  std::string key_;
  std::optional<size_t> column_;
  absl::Status status_;
};

absl::StatusOr<std::unique_ptr<JsonLinesReader>> JsonLinesReader::Begin(
    std::unique_ptr<TextSource> source, std::optional<std::vector<std::string>> wanted) {
  std::unique_ptr<JsonLinesReader> reader(new JsonLinesReader(std::move(source)));
  ASSIGN_OR_RETURN(reader->is_held_, reader->ReadRecord(&reader->held_));
  if (!reader->is_held_) return DataError({reader->name()}, "the file holds no rows");
  if (wanted.has_value()) {
    reader->growing_ = false;
    for (const std::string& name : *wanted) {
      if (!reader->index_.contains(name)) reader->AddColumn(name);
    }
    reader->held_.fields.resize(reader->columns_.size());
  }
  return reader;
}

absl::StatusOr<bool> JsonLinesReader::Next(Record* record) {
  if (!is_held_) return ReadRecord(record);
  is_held_ = false;
  std::swap(*record, held_);
  return true;
}

std::vector<std::string> JsonLinesReader::Unseen() const {
  std::vector<std::string> names;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (set_in_[i] == 0) names.push_back(columns_[i]);
  }
  return names;
}

absl::StatusOr<std::optional<absl::string_view>> JsonLinesReader::ReadLine() {
  cut_.clear();
  while (true) {
    if (position_ == buffer_.size()) {
      position_ = 0;
      ASSIGN_OR_RETURN(const bool any, source_->Read(&buffer_));
      if (!any) {
        buffer_.clear();
        if (absl::StripAsciiWhitespace(cut_).empty()) return std::nullopt;
        ++line_;
        return absl::string_view(cut_);
      }
    }
    const absl::string_view rest = absl::string_view(buffer_).substr(position_);
    const size_t end = rest.find('\n');
    const bool ends = end != absl::string_view::npos;
    absl::string_view line = rest.substr(0, end);
    position_ += line.size() + (ends ? 1 : 0);
    if (cut_.size() + line.size() > kMaxLineBytes) {
      return DataError(
          {name(), line_ + 1},
          absl::StrCat("a line of more than ", FormatBytes(kMaxLineBytes), "; ", kOneObject));
    }
    if (!ends || !cut_.empty()) {
      absl::StrAppend(&cut_, line);
      line = cut_;
    }
    if (!ends) continue;
    ++line_;
    if (!absl::StripAsciiWhitespace(line).empty()) return line;
    cut_.clear();
  }
}

absl::StatusOr<bool> JsonLinesReader::ReadRecord(Record* record) {
  ASSIGN_OR_RETURN(const std::optional<absl::string_view> line, ReadLine());
  if (!line.has_value()) return false;
  record->line = line_;
  RETURN_IF_ERROR(Parse(*line, record));
  return true;
}

absl::Status JsonLinesReader::Parse(absl::string_view line, Record* record) {
  ++records_;
  expected_ = 0;
  record->fields.resize(columns_.size());
  Handler handler(this, record);
  const bool parsed = nlohmann::json::sax_parse(line.begin(), line.end(), &handler);
  RETURN_IF_ERROR(handler.status());
  if (!parsed) return DataError({name(), line_}, absl::StrCat("no JSON; ", kOneObject));
  record->fields.resize(columns_.size());
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (set_in_[i] != records_) record->fields[i].clear();
  }
  cells_ += static_cast<double>(columns_.size());
  return CheckDensity();
}

absl::Status JsonLinesReader::CheckDensity() const {
  if (cells_ < kSmallTable || static_cast<double>(values_) > cells_ * kLeastDensity) {
    return absl::OkStatus();
  }
  return DataError({name(), line_},
                   absl::StrCat("of ", FormatCount(static_cast<int64_t>(columns_.size())),
                                " keys a line says fewer than a thousandth: as a table it would be "
                                "many times larger than the file"));
}

std::optional<size_t> JsonLinesReader::ColumnOf(const std::string& key) {
  if (expected_ < columns_.size() && columns_[expected_] == key) return expected_++;
  const auto known = index_.find(key);
  if (known != index_.end()) {
    expected_ = known->second + 1;
    return known->second;
  }
  if (!growing_) return std::nullopt;
  AddColumn(key);
  expected_ = columns_.size();
  return columns_.size() - 1;
}

void JsonLinesReader::AddColumn(const std::string& key) {
  index_.emplace(key, columns_.size());
  columns_.push_back(key);
  set_in_.push_back(0);
  name_bytes_ += key.size();
}

}  // namespace descent::cli
