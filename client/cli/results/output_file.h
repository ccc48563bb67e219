// A file of results: whole under its name, or not there at all.

#ifndef CLIENT_CLI_RESULTS_OUTPUT_FILE_H_
#define CLIENT_CLI_RESULTS_OUTPUT_FILE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/results/packer.h"

namespace descent::cli {

class OutputFile {
 public:
  // Bytes go to a file beside `path`, PATH.<process>.partial, which takes its name when it is
  // whole, and the place of what has had the name. What can't be replaced, such as a pipe or
  // /dev/null, is written to directly. A file error if it can't be opened.
  static absl::StatusOr<std::unique_ptr<OutputFile>> Create(const std::string& path,
                                                            Compression compression);

  // Removes what was written unless Commit has succeeded.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Whether Overwrite can be called: a file that is not compressed.
  bool can_overwrite() const { return !partial_.empty() && packer_ == nullptr; }

  // May keep the bytes for a while.
  absl::Status Append(absl::string_view bytes);
  // Replaces the first bytes, which were appended before.
  absl::Status Overwrite(absl::string_view bytes);
  absl::Status Commit();

 private:
  OutputFile(std::string path, std::string partial, int descriptor)
      : path_(std::move(path)), partial_(std::move(partial)), descriptor_(descriptor) {}

  absl::Status Flush(bool last);
  absl::Status Write(absl::string_view bytes) const;
  absl::Status WriteError() const;

  const std::string path_;
  std::string partial_;  // empty: written to directly, or renamed
  int descriptor_;
  std::unique_ptr<Packer> packer_;
  std::string pending_;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_RESULTS_OUTPUT_FILE_H_
