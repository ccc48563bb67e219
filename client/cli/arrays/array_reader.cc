#include "client/cli/arrays/array_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/arrays/byte_stream.h"
#include "client/cli/arrays/npy_cell.h"
#include "client/cli/arrays/zip_archive.h"
#include "client/cli/failure.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"
#include "client/cli/text/charset.h"

namespace descent::cli {
namespace {

// Each takes 80 kB to read.
constexpr size_t kMaxArrays = 1024;
constexpr size_t kMaxArrayColumns = 1'000'000;
constexpr absl::string_view kTargetKey = "y";

class SourceStream final : public ByteStream {
 public:
  explicit SourceStream(TextSource* source) : source_(*source) {}

  absl::StatusOr<size_t> Read(char* to, size_t bytes) override {
    size_t done = 0;
    while (done < bytes) {
      if (place_ == piece_.size()) {
        ASSIGN_OR_RETURN(const bool any, source_.Read(&piece_));
        place_ = 0;
        if (!any) {
          piece_.clear();
          break;
        }
      }
      const size_t count = std::min(bytes - done, piece_.size() - place_);
      std::memcpy(to + done, piece_.data() + place_, count);
      done += count;
      place_ += count;
    }
    return done;
  }

 private:
  TextSource& source_;
  std::string piece_;
  size_t place_ = 0;
};

// The members in the order in which their columns stand.
std::vector<size_t> OrderOf(const std::vector<std::string>& keys) {
  std::vector<size_t> order;
  for (size_t i = 0; i < keys.size(); ++i) order.push_back(i);
  std::stable_partition(order.begin(), order.end(),
                        [&](size_t i) { return keys[i] != kTargetKey; });
  return order;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ArrayReader>> ArrayReader::BeginNpy(
    std::unique_ptr<TextSource> source) {
  std::unique_ptr<ArrayReader> reader(new ArrayReader(std::move(source)));
  TextSource* from = reader->source_.get();
  std::shared_ptr<const DiskFile> file;
  if (from->in_place()) {
    ASSIGN_OR_RETURN(file, from->AsFile());
  }
  ASSIGN_OR_RETURN(std::unique_ptr<ArrayRows> rows,
                   ArrayRows::Open(std::make_unique<SourceStream>(from), std::move(file),
                                   from->name(), from->name()));
  if (rows->header().rows == 0) return DataError({from->name()}, "the file holds no rows");
  RETURN_IF_ERROR(reader->AddArray(std::move(rows), ""));
  RETURN_IF_ERROR(reader->CheckColumns());
  return reader;
}

absl::StatusOr<std::unique_ptr<ArrayReader>> ArrayReader::BeginNpz(
    std::unique_ptr<TextSource> source) {
  std::unique_ptr<ArrayReader> reader(new ArrayReader(std::move(source)));
  const std::string& name = reader->name();
  ASSIGN_OR_RETURN(const std::shared_ptr<const DiskFile> file, reader->source_->AsFile());
  // All that there is of an archive without members, which minizip takes for none.
  constexpr int64_t kEmptyArchive = 22;
  if (file->size() == kEmptyArchive) return DataError({name}, "it holds no arrays");
  ASSIGN_OR_RETURN(const ZipArchive archive, ZipArchive::Open(file, kMaxArrays));
  std::vector<std::string> keys;
  for (const std::string& member : archive.members()) {
    absl::string_view key = member;
    if (!absl::ConsumeSuffix(&key, ".npy") || key.empty() ||
        FirstNotUtf8(key) != absl::string_view::npos || absl::StrContains(key, '\0')) {
      return DataError(
          {name}, absl::StrCat("it holds \"", Shortened(member), "\", which is no NumPy array"));
    }
    keys.emplace_back(key);
  }
  reader->has_names_ = true;
  for (const size_t i : OrderOf(keys)) {
    const std::string array = absl::StrCat(name, ": ", Shortened(keys[i]));
    ASSIGN_OR_RETURN(std::unique_ptr<ByteStream> member, archive.OpenMember(i, array));
    ASSIGN_OR_RETURN(std::unique_ptr<ArrayRows> rows,
                     ArrayRows::Open(std::move(member), nullptr, name, array));
    const int64_t count = rows->header().rows;
    if (count == 0) return DataError({array}, "the array holds no rows");
    if (!reader->arrays_.empty() && reader->arrays_.front()->header().rows != count) {
      const ArrayRows& first = *reader->arrays_.front();
      return DataError(
          {array}, absl::StrCat("the array has ", FormatCount(count), " rows, and ", first.array(),
                                " has ", FormatCount(first.header().rows)));
    }
    RETURN_IF_ERROR(reader->AddArray(std::move(rows), keys[i]));
  }
  if (reader->arrays_.empty()) return DataError({name}, "it holds no arrays");
  RETURN_IF_ERROR(reader->CheckColumns());
  return reader;
}

absl::Status ArrayReader::AddArray(std::unique_ptr<ArrayRows> rows, const std::string& key) {
  const NpyHeader& header = rows->header();
  const size_t more = static_cast<size_t>(header.columns) * header.fields.size();
  if (columns_.size() + more > kMaxArrayColumns) {
    return DataError({rows->array()}, "there are more columns than a table may have");
  }
  has_names_ = has_names_ || header.records;
  for (int64_t column = 0; column < header.columns; ++column) {
    for (const NpyField& field : header.fields) {
      if (header.records) {
        columns_.push_back(key.empty() ? field.name : absl::StrCat(key, ".", field.name));
      } else if (key.empty()) {
        columns_.push_back(absl::StrCat(column + 1));
      } else {
        columns_.push_back(header.columns == 1 ? key : absl::StrCat(key, ".", column + 1));
      }
    }
  }
  arrays_.push_back(std::move(rows));
  return absl::OkStatus();
}

absl::Status ArrayReader::CheckColumns() const {
  absl::flat_hash_set<absl::string_view> seen;
  for (const std::string& column : columns_) {
    if (column.empty()) return DataError({name()}, "a field of its records has no name");
    if (!seen.insert(column).second) {
      return DataError({name()},
                       absl::StrCat("two of its columns are called \"", Shortened(column), "\""));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ArrayReader::Next(Record* record) {
  record->fields.resize(columns_.size());
  record->line = ++row_;
  size_t column = 0;
  bool ended = false;
  for (const std::unique_ptr<ArrayRows>& array : arrays_) {
    ASSIGN_OR_RETURN(const char* item, array->Next());
    ended = item == nullptr;
    if (ended) continue;  // so are the others, which look at their ends too
    const NpyHeader& header = array->header();
    for (int64_t i = 0; i < header.columns; ++i, item += header.item_bytes) {
      for (const NpyField& field : header.fields) {
        if (!TakeCell(field, item, &record->fields[column])) {
          return DataError(
              PlaceOf(*record, column),
              absl::StrCat(Shortened(columns_[column]), " holds a text that is not of UTF-8"));
        }
        ++column;
      }
    }
  }
  return !ended;
}

std::unique_ptr<TextSource> ArrayReader::Release() {
  arrays_.clear();
  return std::move(source_);
}

}  // namespace descent::cli
