// Reads JSON lines: one object a line, whose keys are columns and whose values are their cells.
//
//   {"a": 1.5, "b": "red"}
//   {"b": null, "a": 2}
//
// Cells are what CSV would say: numbers as they are written, texts as they are (like quoted
// fields), `true` and `false`. A key that is not there and null are missing cells. Nothing else is
// a cell: an array or an object as a value, a key said twice, a NUL character, a line that is no
// object or longer than 64 MiB is an error with its line, and the key where there is one.

#ifndef CLIENT_CLI_TEXT_JSON_LINES_READER_H_
#define CLIENT_CLI_TEXT_JSON_LINES_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/text/record_reader.h"
#include "client/cli/text/text_source.h"

namespace descent::cli {

class JsonLinesReader final : public RecordReader {
 public:
  // Reads a source from where it stands. The columns are the keys of the first record, and then
  // those of `wanted` that it does not have; other keys are passed over. Without `wanted` every
  // key becomes a column as it comes. A data error if there is no record.
  static absl::StatusOr<std::unique_ptr<JsonLinesReader>> Begin(
      std::unique_ptr<TextSource> source, std::optional<std::vector<std::string>> wanted);

  const std::string& name() const override { return source_->name(); }
  const std::vector<std::string>& columns() const override { return columns_; }
  bool has_names() const override { return true; }
  bool named(size_t /*column*/) const override { return true; }
  const std::vector<std::string>& repeated() const override { return repeated_; }
  absl::StatusOr<bool> Next(Record* record) override;
  std::vector<std::string> Unseen() const override;
  std::unique_ptr<TextSource> Release() override { return std::move(source_); }

 private:
  class Handler;

  explicit JsonLinesReader(std::unique_ptr<TextSource> source) : source_(std::move(source)) {}

  // The next line that is not blank, which lives until the next call; none at the end.
  absl::StatusOr<std::optional<absl::string_view>> ReadLine();
  absl::StatusOr<bool> ReadRecord(Record* record);
  absl::Status Parse(absl::string_view line, Record* record);
  // The column of a key of the record being read; none if it is to be passed over.
  std::optional<size_t> ColumnOf(const std::string& key);
  void AddColumn(const std::string& key);
  absl::Status CheckDensity() const;

  std::unique_ptr<TextSource> source_;
  std::string buffer_;
  size_t position_ = 0;  // of the next byte in buffer_
  std::string cut_;      // a line of which buffer_ held a part only
  int64_t line_ = 0;     // of what ReadLine gave

  std::vector<std::string> columns_;
  absl::flat_hash_map<std::string, size_t> index_;
  const std::vector<std::string> repeated_;
  bool growing_ = true;          // unknown keys become columns
  std::vector<int64_t> set_in_;  // one a column: the latest record that had it, 0 for none
  size_t expected_ = 0;          // the column that the next key is of in most files
  size_t name_bytes_ = 0;        // of all columns
  int64_t records_ = 0;          // begun until now
  int64_t values_ = 0;           // that they said
  double cells_ = 0;             // that they would fill

  Record held_;  // read ahead
  bool is_held_ = false;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_TEXT_JSON_LINES_READER_H_
