// The real server, in this process and without a port.

#ifndef TESTS_SERVICES_SERVICE_FIXTURE_H_
#define TESTS_SERVICES_SERVICE_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/options.h"
#include "server/models/registry/registry.h"
#include "server/ops/server.h"
#include "server/services/call_hooks.h"
#include "server/store/store.h"
#include "tests/services/messages.h"
#include "tests/support/service_client.h"

namespace descent::testing {

class ServiceTest : public ::testing::Test {
 protected:
  // A server that takes calls, with 2 threads.
  ServiceTest() {
    models_options_.threads = 2;
    Start();
    server_->StartServing();
  }

  // Another server in its place, with the options as they are now; it does not take calls yet.
  void Start() {
    client_.reset();
    server_.reset();
    registry_ = store_ == nullptr
                    ? std::make_unique<models::Registry>(models_options_)
                    : std::make_unique<models::Registry>(models_options_, std::move(store_));
    auto server = ops::Server::Start(server_options_, registry_.get(), hooks_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    client_ = std::make_unique<ServiceClient>(server_->InProcessChannel());
  }
  void Restart() {
    Start();
    server_->StartServing();
  }

  // The same over loopback, for what the in-process transport does otherwise: it never compresses,
  // and keeps a client's Write waiting that the server has no more ear for.
  void RestartOnPort() {
    server_options_.listen = {"127.0.0.1:0"};
    Restart();
    client_ = std::make_unique<ServiceClient>(server_->address());
  }

  void Create(const v1::CreateModelRequest& request) {
    const auto answer = client_->Call(request);
    ASSERT_TRUE(answer.ok()) << answer;
  }

  v1::Model Get(const std::string& name) {
    const auto answer = client_->Call(GetOf(name));
    EXPECT_TRUE(answer.ok()) << answer;
    return answer->model();
  }

  std::unique_ptr<store::Store> store_;  // for the next Start; null: one in memory
  models::ModelsOptions models_options_;
  ops::ServerOptions server_options_;
  services::CallHooks hooks_;
  std::unique_ptr<models::Registry> registry_;
  std::unique_ptr<ops::Server> server_;
  std::unique_ptr<ServiceClient> client_;
};

// A failed call: its code and reason, with ErrorInfo's domain, as all of ours have it.
MATCHER_P2(FailsWith, code, reason, "") {
  const CallStatus& status = arg.status;
  *result_listener << "is " << ::testing::PrintToString(status);
  return status.code == code && status.reason == reason && status.domain == "descent.v1";
}

// INVALID_ARGUMENT about one field, named by BadRequest and by ErrorInfo's metadata.
MATCHER_P2(FailsAt, field, reason, "") {
  const CallStatus& status = arg.status;
  *result_listener << "is " << ::testing::PrintToString(status);
  const auto named = status.metadata.find("field");
  return status.code == absl::StatusCode::kInvalidArgument && status.reason == reason &&
         status.domain == "descent.v1" && status.fields == std::vector<std::string>{field} &&
         named != status.metadata.end() && named->second == field;
}

}  // namespace descent::testing

#endif  // TESTS_SERVICES_SERVICE_FIXTURE_H_
