// Compresses by gzip or zstd, piece by piece.

#ifndef CLIENT_CLI_RESULTS_PACKER_H_
#define CLIENT_CLI_RESULTS_PACKER_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace descent::cli {

enum class Compression { kNone, kGzip, kZstd };

class Packer {
 public:
  // At the usual level of each, with a checksum. Must not be kNone; null if there is no memory.
  static std::unique_ptr<Packer> Create(Compression compression);

  virtual ~Packer() = default;

  // Appends to *packed what the bytes give, or what is still held of them if they are the last.
  // False if that fails, which only a want of memory makes it.
  virtual bool Pack(absl::string_view bytes, bool last, std::string* packed) = 0;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_RESULTS_PACKER_H_
