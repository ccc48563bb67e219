#include "client/cli/results/result_format.h"

#include <array>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/cli/failure.h"

namespace descent::cli {
namespace {

struct Ending {
  absl::string_view ending;
  ResultFormat format;
};
// The names of the formats come first.
constexpr std::array kEndings = {
    Ending{"csv", ResultFormat::kCsv}, Ending{"tsv", ResultFormat::kTsv},
    Ending{"jsonl", ResultFormat::kJsonLines}, Ending{"npy", ResultFormat::kNpy},
    Ending{"ndjson", ResultFormat::kJsonLines}};
constexpr size_t kNamedFormats = 4;

}  // namespace

std::vector<std::string> ResultFormatNames() {
  std::vector<std::string> names;
  for (size_t i = 0; i < kNamedFormats; ++i) names.emplace_back(kEndings[i].ending);
  return names;
}

absl::StatusOr<ResultEncoding> ResultEncodingOf(const std::string& path,
                                                const std::string& format) {
  const std::string lower = absl::AsciiStrToLower(path);
  absl::string_view name = lower;
  ResultEncoding encoding;
  if (absl::ConsumeSuffix(&name, ".gz")) {
    encoding.compression = Compression::kGzip;
  } else if (absl::ConsumeSuffix(&name, ".zst")) {
    encoding.compression = Compression::kZstd;
  }
  const size_t point = name.rfind('.');
  const absl::string_view ending = point == absl::string_view::npos ? "" : name.substr(point + 1);
  std::optional<ResultFormat> found;
  for (const Ending& known : kEndings) {
    if (known.ending == (format.empty() ? ending : absl::string_view(format))) found = known.format;
  }
  if (!found.has_value()) {
    return UsageError(absl::StrCat("--output: ", path, " ends in none of .",
                                   absl::StrJoin(ResultFormatNames(), ", ."),
                                   " (of which all but .npy with .gz or .zst behind it, too); "
                                   "--output-format says which it is"));
  }
  encoding.format = *found;
  if (encoding.format == ResultFormat::kNpy && encoding.compression != Compression::kNone) {
    return UsageError(absl::StrCat("--output: ", path,
                                   ": an array is not compressed, as NumPy would not read it"));
  }
  return encoding;
}

}  // namespace descent::cli
