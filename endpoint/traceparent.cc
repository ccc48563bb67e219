#include "endpoint/traceparent.h"

#include <algorithm>
#include <cstddef>

namespace descent::endpoint {
namespace {

constexpr std::size_t kVersion = 2;
constexpr std::size_t kTraceId = 32;
constexpr std::size_t kParentId = 16;
constexpr std::size_t kFlags = 2;
constexpr std::size_t kAll = kVersion + 1 + kTraceId + 1 + kParentId + 1 + kFlags;

bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '0'; });
}

}  // namespace

std::optional<Traceparent> ParseTraceparent(absl::string_view text) {
  if (text.size() < kAll) return std::nullopt;
  const absl::string_view version = text.substr(0, kVersion);
  const absl::string_view trace_id = text.substr(kVersion + 1, kTraceId);
  const absl::string_view parent_id = text.substr(kVersion + 1 + kTraceId + 1, kParentId);
  const absl::string_view flags = text.substr(kAll - kFlags, kFlags);
  for (const std::size_t dash : {kVersion, kVersion + 1 + kTraceId, kAll - kFlags - 1}) {
    if (text[dash] != '-') return std::nullopt;
  }
  if (!IsHex(version) || version == "ff" || !IsHex(flags)) return std::nullopt;
  if (text.size() > kAll && (version == "00" || text[kAll] != '-')) return std::nullopt;
  if (!IsHex(trace_id) || IsZero(trace_id)) return std::nullopt;
  if (!IsHex(parent_id) || IsZero(parent_id)) return std::nullopt;
  return Traceparent{trace_id, parent_id};
}

}  // namespace descent::endpoint
