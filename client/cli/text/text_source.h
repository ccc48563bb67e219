// The text of a file, whatever carries it: a file, a pipe or standard input, perhaps compressed by
// gzip or zstd, in UTF-8 with or without a byte order mark, UTF-16, or a charset that is named.
//
// What kind of a table it is is found out from how it begins (file_format.h), unless it is said.
// What is none that can be read (a spreadsheet, a compressed file of another kind, a binary format)
// is refused by its name.

#ifndef CLIENT_CLI_TEXT_TEXT_SOURCE_H_
#define CLIENT_CLI_TEXT_TEXT_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/text/byte_input.h"
#include "client/cli/text/charset.h"
#include "client/cli/text/disk_file.h"
#include "client/cli/text/file_format.h"

namespace descent::cli {

class TextSource {
 public:
  // Opens a file; "-" is standard input. `charset` is a name that iconv knows; empty: UTF-8, or
  // UTF-16 if that is plain to see. Without a format it is found out. A data error if it can't be
  // opened or is nothing that can be read.
  static absl::StatusOr<std::unique_ptr<TextSource>> Open(
      const std::string& path, const std::string& charset,
      std::optional<FileFormat> format = std::nullopt);

  // A CSV text in memory instead, called `name` in messages.
  static std::unique_ptr<TextSource> OfText(std::string name, std::string text);

  // As it appears in messages.
  const std::string& name() const { return name_; }

  // Of a format that is no text, what is read are its bytes.
  FileFormat format() const { return format_; }

  // The whole of it, to be read anywhere: in place if it is an uncompressed file, or else copied to
  // the disk, for which nothing must have been read.
  absl::StatusOr<std::shared_ptr<const DiskFile>> AsFile();
  // Whether that copies nothing.
  bool in_place() const;

  // What was recognised, for a note: "gzip", "UTF-16LE", both or nothing.
  const std::vector<std::string>& recognised() const { return recognised_; }

  // What stands between fields, if the first line says so as Excel has it, `sep=;`. That line is no
  // part of the text, which begins in line 2 then.
  std::optional<char> separator() const { return separator_; }
  int64_t first_line() const { return separator_.has_value() ? 2 : 1; }

  // Replaces *piece by what comes next, as UTF-8; false at the end.
  absl::StatusOr<bool> Read(std::string* piece);

  // At least `bytes` of what comes next, or all that is left; Read will give it still.
  absl::StatusOr<absl::string_view> Peek(size_t bytes);

  // From now on what is read can be read again after Rewind(); what can't be read twice, such as a
  // pipe, is kept in memory for it. To be called before anything is read.
  void KeepForRewind();
  absl::Status Rewind();

 private:
  TextSource() = default;

  absl::Status Begin();
  // The next piece of the text from below, past what was read ahead.
  absl::StatusOr<bool> Decode(std::string* piece);

  std::string name_;
  std::string charset_;
  std::optional<FileFormat> wanted_format_;
  FileFormat format_ = FileFormat::kCsv;
  std::unique_ptr<ByteInput> input_;         // null for a text in memory
  std::unique_ptr<CharsetDecoder> decoder_;  // null for UTF-8
  std::vector<std::string> recognised_;
  std::shared_ptr<const DiskFile> file_;  // once AsFile was called
  std::string ahead_;                     // decoded, not read yet
  std::optional<char> separator_;

  bool keep_ = false;  // what is read is put into kept_, too
  std::vector<std::string> kept_;
  size_t replayed_ = 0;  // pieces of kept_ that have been read again
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_TEXT_TEXT_SOURCE_H_
