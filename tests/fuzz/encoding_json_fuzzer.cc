#include "tests/fuzz/encoding_json_fuzzer.h"

#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/encoding/encoding.h"
#include "client/cli/encoding/encoding_json.h"
#include "client/cli/encoding/packed_text.h"

namespace descent::cli {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckRead(const absl::StatusOr<std::string>& text) {
  const absl::StatusOr<Encoding> encoding =
      text.ok() ? EncodingFromJson(*text) : absl::StatusOr<Encoding>(text.status());
  if (!encoding.ok()) {
    Require(encoding.status().code() == absl::StatusCode::kFailedPrecondition);
    return;
  }
  Require(encoding->features() >= 0);
  const absl::StatusOr<std::string> written = EncodingToJson(*encoding);
  Require(written.ok());
  const absl::StatusOr<Encoding> again = EncodingFromJson(*written);
  Require(again.ok());
  Require(EncodingToJson(*again).value() == *written);
}

}  // namespace
}  // namespace descent::cli

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return -1;
  const absl::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  descent::cli::CheckRead(descent::cli::UnpackText(text));
  return 0;
}
