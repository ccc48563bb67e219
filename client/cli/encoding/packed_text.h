// Long texts made short enough for a model's label: `zlib:SIZE:BASE64`, where SIZE is the text's
// number of bytes and BASE64 its zlib stream (RFC 1950) in RFC 4648's alphabet, padded.

#ifndef CLIENT_CLI_ENCODING_PACKED_TEXT_H_
#define CLIENT_CLI_ENCODING_PACKED_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace descent::cli {

std::string PackText(const std::string& text);

// The text that was packed; a text that was not is returned as it is. FailedPrecondition if it says
// that it was packed and can't be unpacked.
absl::StatusOr<std::string> UnpackText(absl::string_view packed);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_PACKED_TEXT_H_
