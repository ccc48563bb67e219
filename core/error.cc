#include "core/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/check.h"
#include "core/text_view.h"

namespace descent {
namespace {

constexpr absl::string_view kReason = "descent/reason";
constexpr absl::string_view kField = "descent/field";
constexpr absl::string_view kRetryAfter = "descent/retry_after_ns";
constexpr absl::string_view kMetadata = "descent/metadata/";

// A copy of `status` with another message and the same payloads.
absl::Status WithMessage(const absl::Status& status, absl::string_view message) {
  absl::Status changed(status.code(), message);
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { changed.SetPayload(url, payload); });
  return changed;
}

}  // namespace

absl::Status Error(absl::StatusCode code, std::string_view reason, std::string_view message,
                   Metadata metadata) {
  DESCENT_CHECK(code != absl::StatusCode::kOk);
  absl::Status status(code, View(message));
  status.SetPayload(kReason, absl::Cord(View(reason)));
  for (const auto& [key, value] : metadata) {
    status.SetPayload(absl::StrCat(kMetadata, View(key)), absl::Cord(value));
  }
  return status;
}

absl::Status InvalidField(std::string_view field, std::string_view what, Metadata metadata,
                          std::string_view reason) {
  absl::Status status = Error(absl::StatusCode::kInvalidArgument, reason,
                              absl::StrCat(View(field), ": ", View(what)), metadata);
  status.SetPayload(kField, absl::Cord(View(field)));
  return status;
}

absl::Status WithFieldPrefix(absl::Status status, std::string_view outer) {
  const auto field = status.GetPayload(kField);
  if (!field.has_value()) return status;
  absl::Status changed = WithMessage(status, absl::StrCat(View(outer), ".", status.message()));
  changed.SetPayload(kField, absl::Cord(absl::StrCat(View(outer), ".", std::string(*field))));
  return changed;
}

absl::Status WithRetryAfter(absl::Status status, absl::Duration delay) {
  status.SetPayload(kRetryAfter, absl::Cord(absl::StrCat(absl::ToInt64Nanoseconds(delay))));
  return status;
}

absl::Status WithMetadata(absl::Status status, std::string_view key, std::string_view value) {
  status.SetPayload(absl::StrCat(kMetadata, View(key)), absl::Cord(View(value)));
  return status;
}

ErrorDetails GetErrorDetails(const absl::Status& status) {
  ErrorDetails details;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    std::string value(payload);
    if (url == kReason) {
      details.reason = std::move(value);
    } else if (url == kField) {
      details.field = std::move(value);
    } else if (url == kRetryAfter) {
      std::int64_t nanoseconds = 0;
      if (absl::SimpleAtoi(value, &nanoseconds)) {
        details.retry_after = absl::Nanoseconds(nanoseconds);
      }
    } else if (absl::ConsumePrefix(&url, kMetadata)) {
      details.metadata.emplace(std::string(url), std::move(value));
    }
  });
  return details;
}

}  // namespace descent
