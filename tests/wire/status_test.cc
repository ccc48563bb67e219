#include "server/wire/status.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace descent::wire {
namespace {

using ::testing::EndsWith;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

google::rpc::Status Details(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

// The detail of type T; fails the test when there is not exactly one.
template <typename T>
T Detail(const grpc::Status& status) {
  T found;
  int count = 0;
  const google::rpc::Status details = Details(status);
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&found)) ++count;
  }
  EXPECT_EQ(count, 1) << T::descriptor()->full_name();
  return found;
}

TEST(StatusTest, OkStaysOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok()); }

TEST(StatusTest, EveryCodeIsItsGrpcCode) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status =
        ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "what"));
    EXPECT_EQ(status.error_code(), code);
    EXPECT_EQ(status.error_message(), "what");
    EXPECT_EQ(Details(status).code(), code);
    EXPECT_EQ(Details(status).message(), "what");
  }
}

TEST(StatusTest, AFieldErrorSaysReasonFieldAndFacts) {
  const grpc::Status status = ToGrpcStatus(WithFieldPrefix(
      InvalidField("inputs", "expected shape [n, 13], got [32, 12]",
                   {{"expected", "[n, 13]"}, {"actual", "[32, 12]"}}, "WRONG_SHAPE"),
      "batch"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "batch.inputs: expected shape [n, 13], got [32, 12]");

  const auto info = Detail<google::rpc::ErrorInfo>(status);
  EXPECT_EQ(info.domain(), "descent.v1");
  EXPECT_EQ(info.reason(), "WRONG_SHAPE");
  EXPECT_THAT(info.metadata(),
              UnorderedElementsAre(Pair("field", "batch.inputs"), Pair("expected", "[n, 13]"),
                                   Pair("actual", "[32, 12]")));

  const auto bad_request = Detail<google::rpc::BadRequest>(status);
  ASSERT_THAT(bad_request.field_violations(), SizeIs(1));
  EXPECT_EQ(bad_request.field_violations(0).field(), "batch.inputs");
  EXPECT_EQ(bad_request.field_violations(0).description(), status.error_message());
}

TEST(StatusTest, AdviceToRetryBecomesRetryInfo) {
  const grpc::Status status = ToGrpcStatus(
      WithRetryAfter(Error(absl::StatusCode::kResourceExhausted, "QUEUE_FULL", "the queue is full"),
                     absl::Milliseconds(1250)));
  EXPECT_EQ(Detail<google::rpc::ErrorInfo>(status).reason(), "QUEUE_FULL");
  const auto retry = Detail<google::rpc::RetryInfo>(status);
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 250000000);
  EXPECT_THAT(Details(status).details(), SizeIs(2));
}

TEST(StatusTest, APlainStatusHasItsCodeAsReason) {
  const grpc::Status status = ToGrpcStatus(absl::DeadlineExceededError("too late"));
  EXPECT_EQ(Detail<google::rpc::ErrorInfo>(status).reason(), "DEADLINE_EXCEEDED");
  EXPECT_THAT(Details(status).details(), SizeIs(1));
}

TEST(StatusTest, WhatACallerSentCannotOutgrowTheMetadata) {
  // Two bytes a character, three when percent-encoded each.
  std::string enormous;
  for (int i = 0; i < 50000; ++i) enormous += "ä";
  absl::Status error = InvalidField(enormous, enormous, {{"fact", enormous}}, "REASON");
  for (int i = 0; i < 100; ++i) error = WithMetadata(error, absl::StrCat("fact", i), enormous);
  const grpc::Status status = ToGrpcStatus(WithRetryAfter(error, absl::Seconds(1)));

  EXPECT_THAT(status.error_message(), EndsWith("..."));
  EXPECT_LT(3 * status.error_message().size() + 4 * status.error_details().size() / 3,
            8192U - 512U);
  // Cut between characters: protobuf refuses strings that are not UTF-8.
  EXPECT_EQ(Detail<google::rpc::BadRequest>(status).field_violations_size(), 1);
  EXPECT_EQ(Detail<google::rpc::ErrorInfo>(status).reason(), "REASON");
}

}  // namespace
}  // namespace descent::wire
