#include "client/cli/display/trouble.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/descent/error.h"

namespace descent::cli {
namespace {

constexpr absl::Duration kTroublePatience = absl::Seconds(1);

}  // namespace

std::string TroubleText(const absl::Status& cause) {
  const std::string reason = client::GetErrorDetails(cause).reason;
  if (reason == "STORAGE_FULL") {
    return absl::StrCat("the server's disk is full, waiting for room (", cause.message(), ")");
  }
  if (reason == "STORAGE_FAILED") {
    return absl::StrCat("the server can't keep anything, waiting for its restart (",
                        cause.message(), ")");
  }
  return absl::StrCat("trying again: ", cause.message());
}

void TroubleNotes::Add(const absl::Status& cause, absl::Duration since) {
  const std::string reason = client::GetErrorDetails(cause).reason;
  const bool at_once = reason == "STORAGE_FULL" || reason == "STORAGE_FAILED";
  absl::MutexLock lock(&mutex_);
  if (since < last_since_) last_line_.clear();  // another trouble than the last one
  last_since_ = since;
  if (!at_once && since < kTroublePatience) return;
  std::string line = TroubleText(cause);
  if (line == last_line_) return;
  if (before_) before_();
  write_(absl::StrCat("descent: ", line));
  last_line_ = std::move(line);
}

void TroubleNotes::SetBefore(std::function<void()> before) {
  absl::MutexLock lock(&mutex_);
  before_ = std::move(before);
}

}  // namespace descent::cli
