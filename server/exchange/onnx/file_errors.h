// Errors about an ONNX file, and names that it gives as they may show them.

#ifndef SERVER_EXCHANGE_ONNX_FILE_ERRORS_H_
#define SERVER_EXCHANGE_ONNX_FILE_ERRORS_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/exchange/model_file.h"

namespace descent::exchange {

// A name in quotes, without bytes that are not printed, and not longer than a line.
inline std::string Shown(absl::string_view name) {
  constexpr std::size_t kMost = 100;
  return absl::StrCat("\"", absl::CEscape(name.substr(0, kMost)), name.size() > kMost ? "..." : "",
                      "\"");
}

// A part of the file is not as ONNX has it.
inline absl::Status Malformed(absl::string_view part, absl::string_view what) {
  return InvalidFile("MALFORMED_FILE", absl::StrCat(part, ": ", what));
}

// It is, and is nothing that a network of layers has.
inline absl::Status Unsupported(absl::string_view part, absl::string_view what) {
  return InvalidFile("UNSUPPORTED_FILE", absl::StrCat(part, ": ", what));
}

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_FILE_ERRORS_H_
