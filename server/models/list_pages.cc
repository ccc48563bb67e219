#include "server/models/list_pages.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace descent::models {
namespace {

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;

// What a page token holds before it is encoded: this, and the last key of the page.
constexpr absl::string_view kTokenPrefix = "after:";

absl::Status BadToken() {
  return InvalidField("page_token", "expected the next_page_token of the page before");
}

// The step of the last element of the page before.
absl::StatusOr<std::int64_t> StepOf(const std::string& key) {
  std::int64_t step = 0;
  if (!absl::SimpleAtoi(key, &step)) return BadToken();
  return step;
}

}  // namespace

absl::StatusOr<std::size_t> PageSize(int asked) {
  if (asked < 0) return InvalidField("page_size", absl::StrCat("expected >= 0, got ", asked));
  return static_cast<std::size_t>(asked == 0 ? kDefaultPageSize : std::min(asked, kMaxPageSize));
}

absl::StatusOr<std::string> DecodePageToken(const std::string& token) {
  if (token.empty()) return std::string();
  std::string decoded;
  if (absl::WebSafeBase64Unescape(token, &decoded)) {
    absl::string_view key = decoded;
    if (absl::ConsumePrefix(&key, kTokenPrefix)) return std::string(key);
  }
  return BadToken();
}

std::string EncodePageToken(const std::string& last_key) {
  return absl::WebSafeBase64Escape(absl::StrCat(kTokenPrefix, last_key));
}

absl::StatusOr<ListCheckpointsOutcome> PageOf(const std::vector<CheckpointInfo>& listed,
                                              const ListCheckpointsCommand& command) {
  ASSIGN_OR_RETURN(const std::size_t page_size, PageSize(command.page_size));
  ASSIGN_OR_RETURN(const std::string after, DecodePageToken(command.page_token));
  auto next = listed.begin();
  if (!after.empty()) {
    ASSIGN_OR_RETURN(const std::int64_t step, StepOf(after));
    // Steps do not fall with age after a restore: the page begins after that very checkpoint.
    next = std::find_if(listed.begin(), listed.end(),
                        [step](const CheckpointInfo& info) { return info.step == step; });
    if (next != listed.end()) ++next;
  }
  ListCheckpointsOutcome outcome;
  while (next != listed.end() && outcome.checkpoints.size() < page_size) {
    outcome.checkpoints.push_back(*next++);
  }
  if (next != listed.end()) {
    outcome.next_page_token = EncodePageToken(absl::StrCat(outcome.checkpoints.back().step));
  }
  return outcome;
}

absl::StatusOr<ListHistoryOutcome> PageOf(const store::History& history, const LossSpec& loss,
                                          const ListHistoryCommand& command) {
  ASSIGN_OR_RETURN(const std::size_t page_size, PageSize(command.page_size));
  ASSIGN_OR_RETURN(const std::string after, DecodePageToken(command.page_token));
  std::int64_t after_step = command.after_step;
  if (!after.empty()) {
    ASSIGN_OR_RETURN(const std::int64_t step, StepOf(after));
    after_step = std::max(after_step, step);
  }
  const std::vector<HistoryPoint>& points = history.points;
  const auto first = std::upper_bound(
      points.begin(), points.end(), after_step,
      [](std::int64_t step, const HistoryPoint& point) { return step < point.step; });
  const auto left = static_cast<std::size_t>(points.end() - first);
  const auto last = first + static_cast<std::ptrdiff_t>(std::min(left, page_size));
  ListHistoryOutcome outcome{.points = {first, last}, .loss = loss, .next_page_token = {}};
  if (last != points.end()) {
    outcome.next_page_token = EncodePageToken(absl::StrCat(outcome.points.back().step));
  }
  return outcome;
}

}  // namespace descent::models
