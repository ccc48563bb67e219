#include "client/cli/failure.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"

namespace descent::cli {
namespace {

constexpr char kOrigin[] = "descent.cli/origin";
constexpr char kUsage[] = "usage";
constexpr char kData[] = "data";
constexpr char kFile[] = "file";

absl::Status Marked(absl::string_view message, absl::string_view origin) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kOrigin, absl::Cord(origin));
  return status;
}

}  // namespace

std::string ToString(const Place& place) {
  std::string text = place.file;
  if (place.line > 0) absl::StrAppend(&text, ":", place.line);
  if (place.column > 0) absl::StrAppend(&text, ":", place.column);
  return text;
}

absl::Status UsageError(absl::string_view message) { return Marked(message, kUsage); }

absl::Status DataError(const Place& place, absl::string_view message) {
  return Marked(absl::StrCat(ToString(place), ": ", message), kData);
}

absl::Status FileError(absl::string_view path, absl::string_view message) {
  return Marked(absl::StrCat(path, ": ", message), kFile);
}

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return ExitCode::kOk;
  const absl::optional<absl::Cord> origin = status.GetPayload(kOrigin);
  if (origin == kUsage) return ExitCode::kUsage;
  if (origin == kData) return ExitCode::kBadData;
  if (origin == kFile) return ExitCode::kCannotWrite;
  return absl::IsUnavailable(status) ? ExitCode::kUnreachable : ExitCode::kRefused;
}

}  // namespace descent::cli
