#include "client/cli/encoding/packed_text.h"

#include <zlib.h>

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/cli/failure.h"

namespace descent::cli {
namespace {

constexpr absl::string_view kPrefix = "zlib:";
// Nothing is allocated on the word of a label beyond this.
constexpr uint64_t kMostBytes = uint64_t{16} << 20;

absl::Status NotPacked(absl::string_view reason) {
  return absl::FailedPreconditionError(absl::StrCat("a packed text can't be read: ", reason));
}

}  // namespace

std::string PackText(const std::string& text) {
  std::string stream(compressBound(text.size()), '\0');
  uLongf size = stream.size();
  compress2(reinterpret_cast<Bytef*>(stream.data()), &size,
            reinterpret_cast<const Bytef*>(text.data()), text.size(), Z_BEST_COMPRESSION);
  stream.resize(size);
  return absl::StrCat(kPrefix, text.size(), ":", absl::Base64Escape(stream));
}

absl::StatusOr<std::string> UnpackText(absl::string_view packed) {
  if (!absl::ConsumePrefix(&packed, kPrefix)) return std::string(packed);
  const std::vector<absl::string_view> parts = absl::StrSplit(packed, absl::MaxSplits(':', 1));
  uint64_t size = 0;
  std::string stream;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &size) || size > kMostBytes) {
    return NotPacked("it has no size");
  }
  if (!absl::Base64Unescape(parts[1], &stream)) return NotPacked("it is not base64");
  std::string text(size, '\0');
  uLongf unpacked = size;
  const int code = uncompress(reinterpret_cast<Bytef*>(text.data()), &unpacked,
                              reinterpret_cast<const Bytef*>(stream.data()), stream.size());
  if (code != Z_OK || unpacked != size) return NotPacked("its zlib stream is damaged");
  return text;
}

}  // namespace descent::cli
