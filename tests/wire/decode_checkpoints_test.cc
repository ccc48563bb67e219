#include <cstdint>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "server/wire/decode.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/text_message.h"

namespace descent::wire {
namespace {

using descent::testing::FailsAt;
using descent::testing::IsOk;

TEST(DecodeCheckpointsTest, HandOnWhatWasAskedFor) {
  const auto create = Decode(FromText<v1::CreateCheckpointRequest>("model: 'm' request_id: 'r'"));
  ASSERT_THAT(create, IsOk());
  EXPECT_EQ(create->request.id, "r");

  const auto list =
      Decode(FromText<v1::ListCheckpointsRequest>("model: 'm' page_size: 7 page_token: 't'"));
  ASSERT_THAT(list, IsOk());
  EXPECT_EQ(list->page_size, 7);
  EXPECT_EQ(list->page_token, "t");

  const auto history = Decode(
      FromText<v1::ListHistoryRequest>("model: 'm' after_step: 9 page_size: 7 page_token: 't'"));
  ASSERT_THAT(history, IsOk());
  EXPECT_EQ(history->after_step, 9);
  EXPECT_EQ(history->page_size, 7);
  EXPECT_EQ(history->page_token, "t");

  const auto restore = Decode(FromText<v1::RestoreCheckpointRequest>(
      "model: 'm' step: 40 request_id: 'r' expected_step: 50"));
  ASSERT_THAT(restore, IsOk());
  EXPECT_EQ(restore->step, 40);
  EXPECT_EQ(restore->request.id, "r");
  EXPECT_EQ(restore->expected_step, 50);
  EXPECT_FALSE(Decode(v1::RestoreCheckpointRequest())->expected_step.has_value());

  const auto remove =
      Decode(FromText<v1::DeleteCheckpointRequest>("model: 'm' step: 40 request_id: 'r'"));
  ASSERT_THAT(remove, IsOk());
  EXPECT_EQ(remove->step, 40);
  EXPECT_EQ(remove->request.id, "r");

  EXPECT_TRUE(Decode(v1::BackupRequest()).ok());
}

TEST(DecodeCheckpointsTest, RefuseWhatMakesNoSense) {
  EXPECT_THAT(Decode(FromText<v1::ListCheckpointsRequest>("page_size: -1")),
              FailsAt("page_size", "INVALID_FIELD"));
  EXPECT_THAT(Decode(FromText<v1::ListHistoryRequest>("page_size: -1")),
              FailsAt("page_size", "INVALID_FIELD"));
  EXPECT_THAT(Decode(FromText<v1::ListHistoryRequest>("after_step: -1")),
              FailsAt("after_step", "INVALID_FIELD"));
  EXPECT_THAT(Decode(FromText<v1::RestoreCheckpointRequest>("step: -1")),
              FailsAt("step", "INVALID_FIELD"));
  EXPECT_THAT(Decode(FromText<v1::RestoreCheckpointRequest>("expected_step: -1")),
              FailsAt("expected_step", "INVALID_FIELD"));
  EXPECT_THAT(Decode(FromText<v1::DeleteCheckpointRequest>("step: -1")),
              FailsAt("step", "INVALID_FIELD"));
  v1::CreateCheckpointRequest request;
  request.set_request_id(std::string(129, 'r'));
  EXPECT_THAT(Decode(request), FailsAt("request_id", "INVALID_FIELD"));
}

template <typename Request>
void ExpectUnknownFieldsAreRefused() {
  Request request;
  request.GetReflection()->MutableUnknownFields(&request)->AddVarint(99, 1);
  const auto answer = Decode(request);
  const absl::Status status = [&] {
    if constexpr (requires { answer.status(); }) {
      return answer.status();
    } else {
      return answer;
    }
  }();
  EXPECT_EQ(GetErrorDetails(status).reason, "UNKNOWN_FIELD") << request.GetTypeName();
}

TEST(DecodeCheckpointsTest, RefuseWhatTheyDoNotKnow) {
  ExpectUnknownFieldsAreRefused<v1::CreateCheckpointRequest>();
  ExpectUnknownFieldsAreRefused<v1::ListCheckpointsRequest>();
  ExpectUnknownFieldsAreRefused<v1::ListHistoryRequest>();
  ExpectUnknownFieldsAreRefused<v1::RestoreCheckpointRequest>();
  ExpectUnknownFieldsAreRefused<v1::DeleteCheckpointRequest>();
  ExpectUnknownFieldsAreRefused<v1::BackupRequest>();
}

TEST(DecodeCheckpointsTest, FingerprintsSeeEverythingButTheId) {
  const auto restore = [](const std::string& text) {
    return Decode(FromText<v1::RestoreCheckpointRequest>(text))->request.fingerprint;
  };
  const std::string plain = "model: 'm' step: 4 ";
  EXPECT_EQ(restore(plain + "request_id: 'a'"), restore(plain + "request_id: 'b'"));
  const auto create = Decode(FromText<v1::CreateCheckpointRequest>("model: 'm' request_id: 'a'"));
  const auto remove = Decode(FromText<v1::DeleteCheckpointRequest>(plain + "request_id: 'a'"));
  const std::set<std::uint64_t> different = {
      restore(plain + "request_id: 'a'"),
      restore("model: 'n' step: 4 request_id: 'a'"),
      restore("model: 'm' step: 5 request_id: 'a'"),
      restore(plain + "request_id: 'a' expected_step: 0"),
      create->request.fingerprint,
      remove->request.fingerprint,
      restore(plain),  // without an id there is none
  };
  EXPECT_EQ(different.size(), 7U);
  EXPECT_EQ(restore(plain), 0U);
}

}  // namespace
}  // namespace descent::wire
