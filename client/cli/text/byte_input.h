// The bytes of a file or a pipe, uncompressed.

#ifndef CLIENT_CLI_TEXT_BYTE_INPUT_H_
#define CLIENT_CLI_TEXT_BYTE_INPUT_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/text/disk_file.h"
#include "client/cli/text/unpacker.h"

namespace descent::cli {

class ByteInput {
 public:
  // "-" is standard input. A data error if it can't be opened, or is a directory.
  static absl::StatusOr<std::unique_ptr<ByteInput>> Open(const std::string& path,
                                                         const std::string& name);
  ~ByteInput();
  ByteInput(const ByteInput&) = delete;
  ByteInput& operator=(const ByteInput&) = delete;

  // What the file is compressed by, "gzip" or "zstd", or null; known after the first Read.
  const char* compression() const { return unpacker_ == nullptr ? nullptr : unpacker_->name(); }

  // Replaces *piece by the next bytes, as many as there are now; false at the end. A data error if
  // they can't be read, or a compressed file is damaged or cut short.
  absl::StatusOr<bool> Read(std::string* piece);

  // Whether it can be read from the beginning again.
  bool seekable() const { return start_ >= 0; }
  absl::Status Rewind();
  // What it holds from its beginning on, uncompressed or not. It must be seekable.
  absl::StatusOr<std::shared_ptr<const DiskFile>> AsFile() const {
    return DiskFile::Of(descriptor_, start_, name_);
  }

 private:
  ByteInput(int descriptor, std::string name);

  // Replaces *piece by what the file holds next, compressed or not.
  absl::StatusOr<bool> ReadRaw(std::string* piece);
  absl::StatusOr<bool> Unpack(std::string* piece);
  absl::Status Fault(const char* what) const;

  const int descriptor_;
  const std::string name_;
  off_t start_ = -1;  // where it stood when it was opened; -1 for a pipe
  bool begun_ = false;
  std::string raw_;  // not unpacked yet
  std::unique_ptr<Unpacker> unpacker_;
  bool pending_ = false;       // the unpacker may have more without being given any
  bool member_ended_ = false;  // a compressed file may be several, one behind the other
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_TEXT_BYTE_INPUT_H_
