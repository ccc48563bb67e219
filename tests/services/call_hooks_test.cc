// Every call of every service passes the same gate: whoever is to be told of calls is told of it,
// and whoever may refuse it is asked, first about the call and then about its model.

#include "server/services/call_hooks.h"

#include <grpcpp/server_context.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "tests/services/any_method.h"
#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

using absl::StatusCode;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using ::testing::ElementsAre;
using ::testing::SizeIs;

// Writes down the calls that have ended.
class Observer final : public services::CallObserver {
 public:
  struct Call {
    std::string name;
    std::string model;
    StatusCode code = StatusCode::kOk;
    std::int64_t received_bytes = 0;
    std::int64_t sent_bytes = 0;
  };

  void OnCallStart(const services::MethodName& name,
                   const grpc::ServerContextBase& /*context*/) override {
    const absl::MutexLock lock(&mutex_);
    ++started_[Path(name)];
  }

  void OnCallEnd(const services::CallRecord& record) override {
    EXPECT_GE(record.duration, absl::ZeroDuration());
    const absl::MutexLock lock(&mutex_);
    EXPECT_GE(--started_[Path(record.name)], 0) << "ended without having started";
    ended_.push_back({Path(record.name), std::string(record.model), record.status.code(),
                      record.received_bytes, record.sent_bytes});
  }

  // The next call to have ended: gRPC may be done with it after its client is.
  Call Next() {
    const absl::MutexLock lock(&mutex_);
    const auto any = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !ended_.empty(); };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&any), absl::Seconds(30))) return {};
    Call call = ended_.front();
    ended_.erase(ended_.begin());
    return call;
  }

 private:
  static std::string Path(const services::MethodName& name) {
    return absl::StrCat("/", std::string(name.service), "/", std::string(name.method));
  }

  absl::Mutex mutex_;
  std::map<std::string, int> started_ ABSL_GUARDED_BY(mutex_);
  std::vector<Call> ended_ ABSL_GUARDED_BY(mutex_);
};

// Lets in who has the key, for the models whose names begin with "pricing-".
class KeyAdmission final : public services::Admission {
 public:
  absl::StatusOr<std::unique_ptr<services::CallPermit>> Admit(
      const services::MethodName& /*name*/, const grpc::ServerContextBase& context) override {
    const auto key = context.client_metadata().find("authorization");
    if (key == context.client_metadata().end() || key->second != "Bearer key") {
      return absl::UnauthenticatedError("no key");
    }
    return std::make_unique<Permit>();
  }

 private:
  class Permit final : public services::CallPermit {
   public:
    absl::Status CheckModel(std::string_view model) const override {
      if (model.starts_with("pricing-")) return absl::OkStatus();
      return absl::PermissionDeniedError(absl::StrCat("not for ", std::string(model)));
    }
  };
};

class CallHooksTest : public ServiceTest {
 protected:
  CallHooksTest() {
    hooks_ = {.observers = {&observer_}, .admission = &admission_};
    Restart();
    auto open = ops::Server::Start({}, registry_.get());
    EXPECT_TRUE(open.ok());
    open_server_ = *std::move(open);
    open_server_->StartServing();
    everybody_ = std::make_unique<ServiceClient>(open_server_->InProcessChannel());
  }
  // They end before the registry and whom they tell of calls.
  ~CallHooksTest() override {
    server_.reset();
    open_server_.reset();
  }

  Observer observer_;
  KeyAdmission admission_;
  // The same models, to whom nothing is refused.
  std::unique_ptr<ops::Server> open_server_;
  std::unique_ptr<ServiceClient> everybody_;
  const CallOptions with_key_{.metadata = {{"authorization", "Bearer key"}}};
};

TEST_F(CallHooksTest, NoMethodOfAnyServiceIsAnsweredWithoutAKeyAndEachIsTold) {
  const auto methods = MethodsOf(open_server_->InProcessChannel());
  EXPECT_GE(methods.size(), 25);
  for (const MethodDescriptor* method : methods) {
    const grpc::Status status =
        CallMethod(server_->InProcessChannel(), *method, *RequestOf(*method), {});
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << method->full_name();
    EXPECT_EQ(status.error_message(), "no key") << method->full_name();
    const Observer::Call call = observer_.Next();
    EXPECT_EQ(call.name, absl::StrCat("/", method->service()->full_name(), "/", method->name()));
    EXPECT_EQ(call.code, StatusCode::kUnauthenticated) << call.name;
  }
}

TEST_F(CallHooksTest, WhoMayNotUseAModelIsNotToldWhetherItExists) {
  ASSERT_TRUE(everybody_->Call(LineModel("there")).ok());
  int about_models = 0;
  for (const MethodDescriptor* method : MethodsOf(open_server_->InProcessChannel())) {
    for (const char* model : {"there", "not-there"}) {
      const std::unique_ptr<Message> request = RequestAbout(model, *method);
      if (request == nullptr) continue;
      const grpc::Status status = CallMethod(server_->InProcessChannel(), *method, *request,
                                             {{"authorization", "Bearer key"}});
      if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) continue;
      EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED)
          << method->full_name() << ": " << status.error_message();
      EXPECT_EQ(status.error_message(), absl::StrCat("not for ", model)) << method->full_name();
      ++about_models;
    }
  }
  EXPECT_GE(about_models, 2 * 16);
}

TEST_F(CallHooksTest, ListsTheModelsThatTheCallerMayUse) {
  for (const char* name : {"accounts", "pricing-eu", "pricing-us", "salaries"}) {
    ASSERT_TRUE(everybody_->Call(LineModel(name)).ok());
  }
  EXPECT_THAT(everybody_->Call(v1::ListModelsRequest())->models(), SizeIs(4));
  std::vector<std::string> names;
  const auto listed = client_->Call(v1::ListModelsRequest(), with_key_);
  for (const v1::Model& model : listed->models()) names.push_back(model.name());
  EXPECT_THAT(names, ElementsAre("pricing-eu", "pricing-us"));
}

TEST_F(CallHooksTest, TellsOfModelStatusAndBytesOfCallsAndStreams) {
  const auto create = LineModel("pricing-eu");
  ASSERT_TRUE(client_->Call(create, with_key_).ok());
  Observer::Call call = observer_.Next();
  EXPECT_EQ(call.name, "/descent.v1.ModelService/CreateModel");
  EXPECT_EQ(call.model, "pricing-eu");
  EXPECT_EQ(call.code, StatusCode::kOk);
  EXPECT_EQ(call.received_bytes, create.ByteSizeLong());
  EXPECT_GT(call.sent_bytes, 20);

  EXPECT_EQ(client_->CheckHealth("", with_key_), "SERVING");
  call = observer_.Next();
  EXPECT_EQ(call.name, "/grpc.health.v1.Health/Check");
  EXPECT_EQ(call.received_bytes, 0);
  EXPECT_EQ(call.sent_bytes, 2);

  std::int64_t written = 0;
  TrainStream stream = client_->Train(with_key_);
  for (int sequence = 0; sequence <= 3; ++sequence) {
    v1::TrainRequest request;
    if (sequence == 0) {
      request.mutable_start()->set_model("pricing-eu");
      request.mutable_start()->set_session_id("s");
    } else {
      request.mutable_batch()->set_sequence(sequence);
      *request.mutable_batch()->mutable_batch() = LineBatch(8, sequence);
    }
    ASSERT_TRUE(stream.Write(request));
    written += static_cast<std::int64_t>(request.ByteSizeLong());
  }
  stream.HalfClose();
  EXPECT_TRUE(stream.Finish().ok());
  call = observer_.Next();
  EXPECT_EQ(call.name, "/descent.v1.NetworkService/Train");
  EXPECT_EQ(call.model, "pricing-eu");
  EXPECT_EQ(call.received_bytes, written);
  EXPECT_GT(call.sent_bytes, 0);

  v1::EvaluateRequest evaluate;
  evaluate.set_model("pricing-eu");
  *evaluate.mutable_batch() = LineBatch(8, 1);
  const auto evaluated = client_->Call({evaluate}, with_key_);
  EXPECT_TRUE(evaluated.ok()) << evaluated;
  call = observer_.Next();
  EXPECT_EQ(call.name, "/descent.v1.NetworkService/Evaluate");
  EXPECT_EQ(call.received_bytes, evaluate.ByteSizeLong());
  EXPECT_EQ(call.sent_bytes, evaluated->ByteSizeLong());

  EXPECT_EQ(client_->Call(v1::BackupRequest(), with_key_).status.code, StatusCode::kUnimplemented);
  call = observer_.Next();
  EXPECT_EQ(call.name, "/descent.v1.AdminService/Backup");
  EXPECT_EQ(call.code, StatusCode::kUnimplemented);

  EXPECT_EQ(client_->Call(GetOf("pricing-none"), with_key_).status.reason, "MODEL_NOT_FOUND");
  call = observer_.Next();
  EXPECT_EQ(call.model, "pricing-none");
  EXPECT_EQ(call.code, StatusCode::kNotFound);
}

}  // namespace
}  // namespace descent::testing
