#include "client/descent/client.h"

#include <grpcpp/channel.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "client/descent/error.h"
#include "client/descent/tensor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_server.h"

namespace descent::client {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;

const CallScript kUnavailable = {grpc::Status(grpc::StatusCode::UNAVAILABLE, "away")};
const CallScript kLostAnswer = {grpc::Status(grpc::StatusCode::UNAVAILABLE, "answer lost"), true};

ClientOptions Impatient() {
  ClientOptions options;
  options.deadline = absl::Seconds(20);
  options.retry.initial_backoff = absl::Milliseconds(1);
  options.retry.max_backoff = absl::Milliseconds(2);
  return options;
}

class ClientTest : public ::testing::Test {
 protected:
  FakeServer server_;
  Client client_ = Client::Over(server_.Channel(), Impatient());
};

TEST_F(ClientTest, AnswersAreUnwrapped) {
  const auto model = client_.GetModel("house");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->name(), "house");

  const auto answer = client_.Predict("house", MatrixTensor<float>({1, 2, 3, 4}, 2));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(*TensorValues<float>(answer->outputs()), ElementsAre(1, 2, 3, 4));
}

TEST_F(ClientTest, AllPagesAreListed) {
  const auto models = client_.ListAllModels();
  ASSERT_TRUE(models.ok()) << models.status();
  ASSERT_THAT(*models, SizeIs(3));
  EXPECT_EQ(models->back().name(), "c");
}

TEST_F(ClientTest, AListWithoutAnEndEnds) {
  for (const FakeServer::Pages pages : {FakeServer::Pages::kInACircle, FakeServer::Pages::kEmpty}) {
    server_.SetPages(pages);
    EXPECT_EQ(client_.ListAllModels().status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(client_.ListAllCheckpoints("house").status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(client_.ListAllHistory("house").status().code(), absl::StatusCode::kInternal);
  }
}

TEST_F(ClientTest, CheckpointsAreUnwrappedAndListedWhole) {
  const auto created = client_.CreateCheckpoint("house");
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->step(), 7);
  const auto checkpoints = client_.ListAllCheckpoints("house");
  ASSERT_TRUE(checkpoints.ok()) << checkpoints.status();
  ASSERT_THAT(*checkpoints, SizeIs(3));
  EXPECT_EQ(checkpoints->front().step(), 30);
  EXPECT_EQ(checkpoints->back().step(), 10);
  v1::RestoreCheckpointRequest restore;
  restore.set_model("house");
  restore.set_step(20);
  const auto model = client_.RestoreCheckpoint(restore);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->step(), 20);
}

TEST_F(ClientTest, HistoryIsListedWhole) {
  const auto points = client_.ListAllHistory("house", /*after_step=*/5);
  ASSERT_TRUE(points.ok()) << points.status();
  ASSERT_EQ(points->size(), 3U);
  EXPECT_EQ((*points)[0].step(), 15);
  EXPECT_EQ((*points)[2].step(), 35);
}

TEST_F(ClientTest, CheckpointsAreTriedAgainUnderOneRequestId) {
  server_.Script({kUnavailable, {}, kUnavailable, {}, kUnavailable, {}});
  EXPECT_TRUE(client_.CreateCheckpoint("house").ok());
  EXPECT_TRUE(client_.RestoreCheckpoint({}).ok());
  EXPECT_TRUE(client_.DeleteCheckpoint({}).ok());
  const std::vector<std::string> ids = server_.request_ids();
  ASSERT_THAT(ids, SizeIs(6));
  for (size_t i = 0; i < 6; i += 2) {
    EXPECT_THAT(ids[i], SizeIs(32));
    EXPECT_EQ(ids[i], ids[i + 1]);
  }
  EXPECT_NE(ids[0], ids[2]);
  EXPECT_NE(ids[2], ids[4]);
}

TEST_F(ClientTest, ReadsAreTriedAgain) {
  server_.Script({kUnavailable, kUnavailable});
  EXPECT_TRUE(client_.GetModel("house").ok());
  EXPECT_EQ(server_.calls(), 3);
}

TEST_F(ClientTest, GivesUpAfterTheTimeGiven) {
  server_.Script(std::vector<CallScript>(100000, kUnavailable));
  ClientOptions options = Impatient();
  options.retry.give_up_after = absl::Milliseconds(100);
  const absl::Time begin = absl::Now();
  EXPECT_EQ(Client::Over(server_.Channel(), options).GetModel("house").status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
  EXPECT_GT(server_.calls(), 5);
}

TEST_F(ClientTest, NeedNotTryAgain) {
  server_.Script({kUnavailable});
  ClientOptions options = Impatient();
  options.retry.give_up_after = absl::ZeroDuration();
  EXPECT_EQ(Client::Over(server_.Channel(), options).GetModel("house").status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(server_.calls(), 1);
}

TEST_F(ClientTest, RidesOutAServerThatIsStartedAgain) {
  std::vector<CallScript> script;
  for (const char* reason : {"DRAINING", "STARTING", "RECOVERING"}) {
    const CallScript refusal = {
        RichStatus(grpc::StatusCode::UNAVAILABLE, "not now", reason, absl::Milliseconds(2))};
    script.insert(script.end(), 20, refusal);
  }
  server_.Script(script);
  const auto answer = client_.Step("house", v1::Batch());
  EXPECT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(server_.calls(), 61);
  EXPECT_GE(RetryPolicy().give_up_after, absl::Minutes(1));
  EXPECT_GE(ClientOptions().deadline, absl::Minutes(1));
}

TEST(ClientRestartTest, RidesOutRefusedConnections) {
  FakeServer server("127.0.0.1:0");
  ClientOptions options = Impatient();
  options.target = server.address();
  const auto client = Client::Connect(options);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE(client->GetModel("house").ok());
  server.Shutdown();
  std::thread restart([&] {
    absl::SleepFor(absl::Seconds(1));
    server.Restart();
  });
  const auto answer = client->Step("house", v1::Batch());
  restart.join();
  EXPECT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(server.updates(), 1);
}

TEST_F(ClientTest, TellsWhatItTriesAgainFor) {
  server_.Script({kUnavailable, kUnavailable});
  ClientOptions options = Impatient();
  std::vector<absl::Duration> times;
  options.on_retry = [&](const absl::Status& cause, absl::Duration since) {
    EXPECT_TRUE(absl::IsUnavailable(cause));
    times.push_back(since);
  };
  EXPECT_TRUE(Client::Over(server_.Channel(), options).GetModel("house").ok());
  ASSERT_THAT(times, SizeIs(2));
  EXPECT_EQ(times[0], absl::ZeroDuration());
  EXPECT_GT(times[1], absl::ZeroDuration());
}

TEST_F(ClientTest, ALostAnswerDoesNotMakeTwoUpdates) {
  server_.Script({kLostAnswer, kLostAnswer});
  const auto answer = client_.Step("house", v1::Batch());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(answer->replayed());
  EXPECT_EQ(answer->step(), 1);
  EXPECT_EQ(server_.updates(), 1);
  EXPECT_THAT(server_.request_ids(), SizeIs(3));
}

TEST_F(ClientTest, EachCallHasARequestIdOfItsOwn) {
  ASSERT_TRUE(client_.Step("house", v1::Batch()).ok());
  ASSERT_TRUE(client_.Step("house", v1::Batch()).ok());
  const std::vector<std::string> ids = server_.request_ids();
  ASSERT_THAT(ids, SizeIs(2));
  EXPECT_THAT(ids[0], SizeIs(32));
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(server_.updates(), 2);
}

TEST_F(ClientTest, TheCallersRequestIdIsKept) {
  ASSERT_TRUE(client_.Step("house", v1::Batch(), {.request_id = "of the call"}).ok());
  v1::StepRequest request;
  request.set_request_id("of the request");
  ASSERT_TRUE(client_.Step(request, {.request_id = "of the call"}).ok());
  EXPECT_THAT(server_.request_ids(), ElementsAre("of the call", "of the request"));
}

TEST_F(ClientTest, ErrorsCarryTheirDetailsAndAreNotTriedAgain) {
  server_.Script({CallScript{
      RichStatus(grpc::StatusCode::INVALID_ARGUMENT, "inputs: wrong shape", "WRONG_SHAPE")}});
  const absl::Status status = client_.GetModel("house").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "inputs: wrong shape");
  const ErrorDetails details = GetErrorDetails(status);
  EXPECT_EQ(details.reason, "WRONG_SHAPE");
  EXPECT_EQ(details.domain, "descent.v1");
  EXPECT_THAT(details.metadata, ElementsAre(Pair("expected", "7")));
  EXPECT_THAT(details.field_violations,
              ElementsAre(AllOf(Field(&FieldViolation::field, "inputs"),
                                Field(&FieldViolation::description, HasSubstr("[n, 13]")))));
  EXPECT_FALSE(details.retry_delay.has_value());
  EXPECT_EQ(server_.calls(), 1);
}

TEST_F(ClientTest, AdviceToCallLaterIsFollowed) {
  constexpr absl::Duration kDelay = absl::Milliseconds(60);
  server_.Script({CallScript{
      RichStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full", "QUEUE_FULL", kDelay)}});
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(client_.GetModel("house").ok());
  EXPECT_GE(absl::Now() - begin, kDelay);
  EXPECT_EQ(server_.calls(), 2);
}

TEST_F(ClientTest, APauseBeyondTheDeadlineIsNotBegun) {
  server_.Script({CallScript{RichStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full",
                                        "QUEUE_FULL", absl::Hours(1))}});
  const absl::Status status = client_.GetModel("house").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorDetails(status).retry_delay, absl::Hours(1));
}

TEST_F(ClientTest, TheDeadlineOfACallHolds) {
  server_.Script(
      {CallScript{.status = {}, .apply_first = false, .delay = absl::Milliseconds(300)}});
  const absl::Status status =
      client_.GetModel("house", {.deadline = absl::Milliseconds(20)}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(ClientTest, EvaluatesBatchesInMemoryAndTriesAgain) {
  server_.Script({kUnavailable});
  const auto answer = client_.Evaluate("house", std::vector<v1::Batch>(3));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->rows(), 3);
  EXPECT_EQ(server_.calls(), 2);
}

TEST_F(ClientTest, EvaluatesBatchesThatAreMadeOnTheWay) {
  int made = 0;
  const auto answer =
      client_.Evaluate("house", BatchSource{.next = [&](v1::Batch&) { return made++ < 5; }});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->rows(), 5);
}

TEST_F(ClientTest, ALostEvaluationIsSentAgainFromTheFirstBatch) {
  server_.Script({kLostAnswer, kUnavailable, kLostAnswer});
  int made = 0;
  int begun_again = 0;
  BatchSource source = {.next = [&](v1::Batch&) { return made++ < 5; }};
  source.rewind = [&] {
    made = 0;
    ++begun_again;
    return absl::OkStatus();
  };
  const auto answer = client_.Evaluate("house", source);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->rows(), 5);
  EXPECT_EQ(begun_again, 3);
  EXPECT_EQ(server_.calls(), 4);
}

TEST_F(ClientTest, BatchesThatComeOnceAreKeptForALostEvaluation) {
  server_.Script({kLostAnswer, kUnavailable});
  int made = 0;
  const auto answer =
      client_.Evaluate("house", BatchSource{.next = [&](v1::Batch&) { return made++ < 5; }});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->rows(), 5);
  EXPECT_EQ(made, 6) << "each batch is made once";
  EXPECT_EQ(server_.calls(), 3);
}

TEST_F(ClientTest, AnErrorOfBeginningAgainEndsTheEvaluation) {
  server_.Script({kLostAnswer});
  int made = 0;
  BatchSource source = {.next = [&](v1::Batch&) { return made++ < 5; }};
  source.rewind = [] { return absl::UnavailableError("the file has gone"); };
  EXPECT_EQ(client_.Evaluate("house", source).status().message(), "the file has gone");
  EXPECT_EQ(server_.calls(), 1);
}

TEST_F(ClientTest, AnErrorOfTheSourceEndsTheEvaluation) {
  const auto answer =
      client_.Evaluate("house", BatchSource{.next = [](v1::Batch&) -> absl::StatusOr<bool> {
                         return absl::OutOfRangeError("line 7");
                       }});
  EXPECT_EQ(answer.status(), absl::OutOfRangeError("line 7"));
}

TEST_F(ClientTest, ALostEvaluationIsAnErrorWhereBatchesCannotBeMadeAgain) {
  server_.Script({kLostAnswer});
  int made = 0;
  const auto answer =
      client_.Evaluate("house", BatchSource{.next = [&](v1::Batch& batch) {
                         batch.mutable_inputs()->set_raw(std::string(size_t{3} << 20, 'x'));
                         return made++ < 90;  // more than is kept
                       }});
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server_.calls(), 1);
}

TEST(ClientConnectTest, OptionsThatMakeNoSenseAreRefused) {
  const auto refused = [](auto change) {
    ClientOptions options;
    change(options);
    return Client::Connect(options).status().code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](ClientOptions& options) { options.target = ""; }));
  EXPECT_TRUE(refused([](ClientOptions& options) { options.target = "http://localhost:1"; }));
  EXPECT_TRUE(refused([](ClientOptions& options) { options.target = "localhost"; }));
  EXPECT_TRUE(refused([](ClientOptions& options) { options.deadline = absl::ZeroDuration(); }));
  EXPECT_TRUE(refused([](ClientOptions& options) { options.keepalive = absl::ZeroDuration(); }));
  EXPECT_TRUE(refused([](ClientOptions& options) { options.max_message_bytes = 0; }));
  EXPECT_TRUE(
      refused([](ClientOptions& options) { options.retry.give_up_after = -absl::Seconds(1); }));
  EXPECT_TRUE(refused([](ClientOptions& options) { options.retry.multiplier = 0.5; }));
  EXPECT_TRUE(refused([](ClientOptions& options) { options.retry.max_backoff = {}; }));
  EXPECT_TRUE(refused([](ClientOptions& options) { options.retry.initial_backoff = {}; }));
}

TEST(ClientConnectTest, AnAbsentServerIsUnavailable) {
  ClientOptions options = Impatient();
  options.target = "127.0.0.1:1";
  options.retry.give_up_after = absl::Milliseconds(50);
  const auto client = Client::Connect(options);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_EQ(client->WaitUntilReady(absl::Milliseconds(50)).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(client->GetModel("house").status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace descent::client
