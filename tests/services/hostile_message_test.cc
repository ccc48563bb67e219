// Requests that are no messages, or far larger than they look, over the whole server.

#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clock/steady.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kMiB = std::size_t{1} << 20;

std::string Repeat(const std::string& text, std::size_t times) {
  std::string repeated;
  for (std::size_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

class HostileMessageTest : public ServiceTest {
 protected:
  // Sends one message of these bytes to a method, and the end of the stream, and returns how the
  // call ended.
  grpc::Status Send(const std::string& method, const std::string& text) {
    grpc::GenericStub stub(server_->InProcessChannel());
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareCall(&context, "/descent.v1." + method, &queue);
    const auto await = [&] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    call->StartCall(nullptr);
    EXPECT_TRUE(await());
    const grpc::Slice slice(text);
    const grpc::ByteBuffer bytes(&slice, 1);
    call->WriteLast(bytes, {}, nullptr);
    await();
    grpc::Status status;
    call->Finish(&status, nullptr);
    await();
    return status;
  }

  static std::string ReasonOf(const grpc::Status& status) {
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    const bool has_info = details.ParseFromString(status.error_details()) &&
                          details.details_size() > 0 && details.details(0).UnpackTo(&info);
    return has_info ? info.reason() : "";
  }
};

TEST_F(HostileMessageTest, MalformedRequestsAreInvalidArgumentsToEveryMethod) {
  for (const std::string method :
       {"ModelService/CreateModel", "ModelService/GetModel", "ModelService/ListModels",
        "ModelService/DeleteModel", "ModelService/UpdateModel", "ModelService/GetParameters",
        "ModelService/SetParameters", "ModelService/CreateCheckpoint",
        "ModelService/ListCheckpoints", "ModelService/RestoreCheckpoint",
        "ModelService/DeleteCheckpoint", "ModelService/ListHistory", "NetworkService/Forward",
        "NetworkService/Gradient", "NetworkService/Step", "NetworkService/Predict",
        "NetworkService/Train", "NetworkService/Evaluate", "AdminService/Backup"}) {
    SCOPED_TRACE(method);
    const grpc::Status status = Send(method, "\xff\xff\xff");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_EQ(ReasonOf(status), "MALFORMED_MESSAGE");
    EXPECT_THAT(status.error_message(), HasSubstr(method.substr(method.find('/') + 1)));
  }
}

TEST_F(HostileMessageTest, MessagesOfTooManyFieldsAreRefusedUnparsed) {
  for (const auto& [method, field] : {std::pair("ModelService/SetParameters", "\x12"),
                                      std::pair("NetworkService/Gradient", "\x3a")}) {
    const grpc::Status status = Send(method, Repeat(field + std::string(1, '\0'), 5'000'000));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_EQ(ReasonOf(status), "TOO_MANY_FIELDS");
  }
}

TEST_F(HostileMessageTest, AMessageThatUnfoldsBeyondTheMemoryIsRefused) {
  models_options_.memory_budget_bytes = 64 * kMiB;
  Restart();
  const grpc::Status status =
      Send("ModelService/SetParameters", Repeat(std::string("\x12\0", 2), 2'000'000));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  EXPECT_EQ(ReasonOf(status), "MEMORY_BUDGET");
  EXPECT_EQ(registry_->memory()->used(models::MemoryPurpose::kReceived), 0);
}

// Read on a thread of their own, requests are the same.
TEST_F(HostileMessageTest, LargeRequestsAreServedAsSmallOnesAre) {
  server_options_.messages = {.unmeasured_bytes = 0, .inline_bytes = 0, .inline_fields = 0};
  Restart();
  Create(LineModel("line"));
  const auto answer = client_->Call(PredictOf("line", Floats({3, 2}, {1, 2, 3, 4, 5, 6})));
  ASSERT_TRUE(answer.ok()) << answer;
  EXPECT_EQ(answer->outputs().shape(0), 3);
  EXPECT_FALSE(client_->Call(PredictOf("none", Floats({1, 2}, {1, 2}))).ok());
}

// Answers that have to wait for their turn are the same, too.
TEST_F(HostileMessageTest, AnswersThatWaitTheirTurnComeAllTheSame) {
  server_options_.unsent = {.small_bytes = 0, .connection_bytes = 1, .all_bytes = 1};
  Restart();
  Create(LineModel("line"));
  for (int i = 0; i < 20; ++i) {
    const auto answer = client_->Call(PredictOf("line", Floats({3, 2}, {1, 2, 3, 4, 5, 6})));
    ASSERT_TRUE(answer.ok()) << answer;
  }
  // Which the server gives back when its side of the call has ended; that may be after the
  // client's.
  const absl::Time deadline = SteadyNow() + absl::Seconds(20);
  while (registry_->memory()->used(models::MemoryPurpose::kUnsent) != 0 && SteadyNow() < deadline) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_EQ(registry_->memory()->used(models::MemoryPurpose::kUnsent), 0);
}

}  // namespace
}  // namespace descent::testing
