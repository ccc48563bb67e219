// The bytes of a file or a pipe, uncompressed.

#ifndef CLIENT_CLI_TEXT_BYTE_INPUT_H_
#define CLIENT_CLI_TEXT_BYTE_INPUT_H_

#include <zlib.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::cli {

class ByteInput {
 public:
  // "-" is standard input. A data error if it can't be opened, or is a directory.
  static absl::StatusOr<std::unique_ptr<ByteInput>> Open(const std::string& path,
                                                         const std::string& name);
  ~ByteInput();
  ByteInput(const ByteInput&) = delete;
  ByteInput& operator=(const ByteInput&) = delete;

  // Whether the bytes come out of a gzip file; known after the first Read.
  bool compressed() const { return inflater_ != nullptr; }

  // Replaces *piece by the next bytes, as many as there are now; false at the end. A data error if
  // they can't be read, or a compressed file is damaged or cut short.
  absl::StatusOr<bool> Read(std::string* piece);

  // Whether it can be read from the beginning again.
  bool seekable() const { return start_ >= 0; }
  absl::Status Rewind();

 private:
  struct InflaterDeleter {
    void operator()(z_stream* stream) const;
  };

  ByteInput(int descriptor, std::string name);

  // Replaces *piece by what the file holds next, compressed or not.
  absl::StatusOr<bool> ReadRaw(std::string* piece);
  absl::StatusOr<bool> Inflate(std::string* piece);

  const int descriptor_;
  const std::string name_;
  off_t start_ = -1;  // where it stood when it was opened; -1 for a pipe
  bool begun_ = false;
  std::string raw_;  // read ahead, or not inflated yet
  std::unique_ptr<z_stream, InflaterDeleter> inflater_;
  bool member_ended_ = false;  // a gzip file may be several, one behind the other
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_TEXT_BYTE_INPUT_H_
