// Rules that change while calls are made.

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clock/steady.h"
#include "descent/v1/network_service.grpc.pb.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "gtest/gtest.h"
#include "server/ops/access_control.h"
#include "tests/access/token_digest.h"
#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

// An entry of a caller whose token is "token-" and its name.
std::string Entry(const std::string& name, const std::string& role,
                  const std::string& models = "'*'") {
  return absl::StrCat("[[caller]]\nname = '", name, "'\nrole = '", role, "'\nmodels = [", models,
                      "]\ntoken_sha256 = '", TokenDigest("token-" + name), "'\n");
}

CallOptions As(const std::string& name) {
  return {.metadata = {{"authorization", "Bearer token-" + name}}};
}

class ReloadTest : public ServiceTest {
 protected:
  ReloadTest() : path_(absl::StrCat(::testing::TempDir(), "/reload_", getpid(), ".toml")) {
    Replace(Entry("admin", "admin") + Entry("trainer", "trainer"));
    auto access = ops::AccessControl::Start(path_);
    EXPECT_TRUE(access.ok()) << access.status();
    access_ = *std::move(access);
    hooks_ = {.observers = {access_->refusals()}, .admission = access_->admission()};
    Restart();
    EXPECT_TRUE(client_->Call(LineModel("line"), As("admin")).ok());
  }
  ~ReloadTest() override {
    server_.reset();
    std::filesystem::remove(path_);
  }

  // In one step, as a program that does it right.
  void Replace(const std::string& text) const {
    std::ofstream(path_ + ".new") << text;
    std::filesystem::rename(path_ + ".new", path_);
  }

  std::string PredictAs(const std::string& name) {
    return client_->Call(PredictOf("line", Floats({1, 2}, {1, 2})), As(name)).status.reason;
  }
  // Waits until the caller's Predict ends for that reason.
  void Await(const std::string& name, const std::string& reason) {
    const absl::Time deadline = SteadyNow() + absl::Seconds(60);
    while (PredictAs(name) != reason && SteadyNow() < deadline) {
      absl::SleepFor(absl::Milliseconds(10));
    }
    EXPECT_EQ(PredictAs(name), reason);
  }

  // Replaces it, and waits until it is in force.
  void Enforce(const std::string& text) {
    const std::string mark = absl::StrCat("mark", ++marks_);
    Replace(text + Entry(mark, "reader"));
    Await(mark, "");
  }

  const std::string path_;
  int marks_ = 0;
  std::unique_ptr<ops::AccessControl> access_;
};

TEST_F(ReloadTest, ChangesUnderLoadWithNoFailedCall) {
  std::atomic<bool> stop = false;
  std::atomic<int> calls = 0;
  std::atomic<int> failed = 0;
  std::vector<std::thread> load;
  for (int i = 0; i < 3; ++i) {
    load.emplace_back([&] {
      while (!stop) {
        ++calls;
        failed += !PredictAs("trainer").empty();
      }
    });
  }
  TrainStream stream = client_->Train(As("trainer"));
  ASSERT_TRUE(stream.Write(StartOf("line", "s", 1)));
  int sequence = 0;
  for (int i = 0; i < 6; ++i) {
    // Others come and go, by files replaced and written to.
    const std::string name = absl::StrCat("other", i);
    const std::string text =
        Entry("admin", "admin") + Entry(name, "reader") + Entry("trainer", "trainer");
    if (i % 2 == 0) {
      Replace(text);
    } else {
      std::ofstream(path_) << text;
    }
    Await(name, "");
    ASSERT_TRUE(stream.Write(BatchOf(++sequence, LineBatch(8, 1))));
  }
  stop = true;
  for (std::thread& thread : load) thread.join();
  stream.HalfClose();
  const CallStatus status = stream.Finish();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(failed, 0);
  EXPECT_GT(calls, 100);
}

TEST_F(ReloadTest, AWrongFileLeavesTheOldRulesInForce) {
  for (const char* wrong : {"", "[[caller]]\nname = 'nobody'\n", "not TOML"}) {
    Replace(wrong);
    const absl::Time until = SteadyNow() + absl::Seconds(1);  // four looks
    while (SteadyNow() < until) ASSERT_EQ(PredictAs("trainer"), "");
  }
  std::filesystem::remove(path_);
  const absl::Time until = SteadyNow() + absl::Seconds(1);
  while (SteadyNow() < until) ASSERT_EQ(PredictAs("trainer"), "");
  Replace(Entry("admin", "admin"));
  Await("trainer", "CREDENTIALS_UNKNOWN");
  EXPECT_EQ(PredictAs("admin"), "");
}

TEST_F(ReloadTest, AStreamWhoseCallerLosesItsRightEndsAtItsNextMessage) {
  const struct {
    std::string entry;
    const char* reason;
    absl::StatusCode code;
  } cases[] = {
      {"", "CREDENTIALS_UNKNOWN", absl::StatusCode::kUnauthenticated},
      {Entry("trainer", "reader"), "ROLE_NOT_PERMITTED", absl::StatusCode::kPermissionDenied},
      {Entry("trainer", "trainer", "'other'"), "MODEL_NOT_PERMITTED",
       absl::StatusCode::kPermissionDenied},
  };
  for (const auto& [entry, reason, code] : cases) {
    Enforce(Entry("admin", "admin") + Entry("trainer", "trainer"));
    const std::int64_t before = client_->Call(GetOf("line"), As("admin"))->model().step();
    TrainStream stream = client_->Train(As("trainer"));
    ASSERT_TRUE(stream.Write(StartOf("line", reason, 1)));
    ASSERT_TRUE(stream.Read()->has_ready());
    ASSERT_TRUE(stream.Write(BatchOf(1, LineBatch(8, 1))));
    EXPECT_EQ(stream.Read()->ack().sequence(), 1);

    Enforce(Entry("admin", "admin") + entry);
    stream.Write(BatchOf(2, LineBatch(8, 1)));
    const CallStatus status = stream.Finish();
    EXPECT_EQ(status.code, code) << status;
    EXPECT_EQ(status.reason, reason) << status;
    EXPECT_EQ(client_->Call(GetOf("line"), As("admin"))->model().step(), before + 1)
        << "what was acknowledged stays, and nothing is added";
  }
}

TEST_F(ReloadTest, OtherStreamsAskAtEachMessageToo) {
  Enforce(Entry("admin", "admin") + Entry("reader", "reader"));
  grpc::ClientContext evaluating;
  evaluating.AddMetadata("authorization", "Bearer token-reader");
  const auto networks = v1::NetworkService::NewStub(server_->InProcessChannel());
  v1::EvaluateResponse evaluated;
  const auto evaluation = networks->Evaluate(&evaluating, &evaluated);
  v1::EvaluateRequest batch;
  batch.set_model("line");
  *batch.mutable_batch() = LineBatch(8, 1);
  ASSERT_TRUE(evaluation->Write(batch));

  grpc::ClientContext reflecting;
  reflecting.AddMetadata("authorization", "Bearer token-reader");
  const auto reflection =
      grpc::reflection::v1::ServerReflection::NewStub(server_->InProcessChannel());
  const auto conversation = reflection->ServerReflectionInfo(&reflecting);
  grpc::reflection::v1::ServerReflectionRequest question;
  question.set_list_services("*");
  grpc::reflection::v1::ServerReflectionResponse answer;
  ASSERT_TRUE(conversation->Write(question));
  ASSERT_TRUE(conversation->Read(&answer));

  Enforce(Entry("admin", "admin"));
  batch.clear_model();
  evaluation->Write(batch);
  evaluation->WritesDone();
  EXPECT_EQ(evaluation->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  conversation->Write(question);
  EXPECT_FALSE(conversation->Read(&answer));
  EXPECT_EQ(conversation->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(ReloadTest, RefusalsAreCountedByReason) {
  using access::Refusal;
  const access::RefusalCounts& counts = access_->refusals()->counts();
  const auto await = [&counts](Refusal refusal, std::int64_t count) {
    // gRPC may be done with a call after its client is.
    const absl::Time deadline = SteadyNow() + absl::Seconds(30);
    while (counts.of(refusal) < count && SteadyNow() < deadline) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    EXPECT_EQ(counts.of(refusal), count);
  };
  for (int i = 0; i < 3; ++i) PredictAs("nobody");
  await(Refusal::kUnknownCredentials, 3);
  client_->Call(GetOf("line"));
  await(Refusal::kNoCredentials, 1);
  client_->Call(GetOf("line"), {.metadata = {{"authorization", "Basic x"}}});
  await(Refusal::kMalformedCredentials, 1);
  client_->Call(LineModel("more"), As("trainer"));
  await(Refusal::kRole, 1);
  EXPECT_EQ(client_->Call(v1::ListModelsRequest(), As("trainer"))->models_size(), 1);
  await(Refusal::kModel, 0);
}

}  // namespace
}  // namespace descent::testing
