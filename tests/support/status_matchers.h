// gmock matchers for absl::Status and absl::StatusOr with the details of core/error.h.
//
//   EXPECT_THAT(Decode(request), IsOk());
//   EXPECT_THAT(Decode(request), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no such")));
//   EXPECT_THAT(Decode(request), FailsAt("batch.inputs", "WRONG_SHAPE"));

#ifndef TESTS_SUPPORT_STATUS_MATCHERS_H_
#define TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/error.h"
#include "gmock/gmock.h"

namespace descent::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }

template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << "is " << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

MATCHER_P(IsOkAndHolds, value, "") {
  *result_listener << "is " << StatusOf(arg).ToString();
  return arg.ok() && ::testing::ExplainMatchResult(value, *arg, result_listener);
}

MATCHER_P2(StatusIs, code, message, "") {
  *result_listener << "is " << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code &&
         ::testing::ExplainMatchResult(message, std::string(StatusOf(arg).message()),
                                       result_listener);
}

// Has the reason, whatever the code.
MATCHER_P(ReasonIs, reason, "") {
  const std::string actual = GetErrorDetails(StatusOf(arg)).reason;
  *result_listener << "is " << StatusOf(arg).ToString() << " with reason " << actual;
  return actual == reason;
}

// kInvalidArgument about the field, for the reason.
MATCHER_P2(FailsAt, field, reason, "") {
  const ErrorDetails details = GetErrorDetails(StatusOf(arg));
  *result_listener << "is " << StatusOf(arg).ToString() << " with field " << details.field
                   << " and reason " << details.reason;
  return StatusOf(arg).code() == absl::StatusCode::kInvalidArgument && details.field == field &&
         details.reason == reason;
}

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_STATUS_MATCHERS_H_
