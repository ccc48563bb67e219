// Uncompresses what gzip or zstd has packed, piece by piece.

#ifndef CLIENT_CLI_TEXT_UNPACKER_H_
#define CLIENT_CLI_TEXT_UNPACKER_H_

#include <cstddef>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace descent::cli {

class Unpacker {
 public:
  // The one for files that begin so, at least four bytes or all there are; null if they are not
  // compressed by gzip or zstd. Null too if there is no memory for it, which *no_memory says.
  static std::unique_ptr<Unpacker> For(absl::string_view beginning, bool* no_memory);

  virtual ~Unpacker() = default;

  // "gzip" or "zstd".
  virtual const char* name() const = 0;

  struct Step {
    size_t consumed = 0;
    size_t produced = 0;
    bool ended = false;  // a member of the file is whole; another may follow
    // What is wrong with the file, such as "is damaged"; null if nothing is.
    const char* fault = nullptr;
  };
  // Unpacks some of `packed` into some of `unpacked`. Holds at most 128 MiB beside them, which is
  // what zstd asks for at its highest level, and 64 kB of gzip.
  virtual Step Unpack(absl::string_view packed, absl::Span<char> unpacked) = 0;

  // Behind a member, before the next; false if there can't be one.
  virtual bool Restart() = 0;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_TEXT_UNPACKER_H_
