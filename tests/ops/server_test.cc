// The server around the services: its port, its health, its end.

#include "server/ops/server.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <future>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "gtest/gtest.h"
#include "server/ops/health_check.h"
#include "tests/services/revocable_admission.h"
#include "tests/support/service_client.h"

namespace descent::ops {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::ServiceClient;
using ::testing::StartsWith;

class ServerTest : public ::testing::Test {
 protected:
  absl::Status Start(const std::string& listen = "") {
    ServerOptions options;
    if (!listen.empty()) options.listen = {listen};
    auto server = Server::Start(options, &registry_);
    if (server.ok()) server_ = *std::move(server);
    return server.status();
  }

  models::Registry registry_{models::ModelsOptions()};
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, SaysWhichPortItPicked) {
  ASSERT_TRUE(Start("127.0.0.1:0").ok());
  EXPECT_THAT(server_->address(), StartsWith("127.0.0.1:"));
  EXPECT_THAT(server_->address(), ::testing::Not(EndsWith(":0")));
  server_->StartServing();
  EXPECT_EQ(ServiceClient(server_->address()).CheckHealth(""), "SERVING");
}

TEST_F(ServerTest, SaysWhyItCannotListen) {
  ASSERT_TRUE(Start("127.0.0.1:0").ok());
  const auto second = Server::Start({.listen = {server_->address()}}, &registry_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(second.status().message(),
            "cannot listen on " + server_->address() + ": Address already in use");
  const auto elsewhere = Server::Start({.listen = {"192.0.2.1:5"}}, &registry_);
  EXPECT_THAT(std::string(elsewhere.status().message()), HasSubstr("Cannot assign"));
}

TEST_F(ServerTest, IsServingOnlyWhileItTakesCalls) {
  ASSERT_TRUE(Start().ok());
  ServiceClient client(server_->InProcessChannel());
  for (const char* service : {"", "descent.v1.ModelService", "descent.v1.NetworkService",
                              "descent.v1.AdminService", "inference.GRPCInferenceService"}) {
    EXPECT_EQ(client.CheckHealth(service), "NOT_SERVING") << service;
  }
  server_->StartServing();
  for (const char* service : {"", "descent.v1.ModelService", "descent.v1.NetworkService",
                              "descent.v1.AdminService", "inference.GRPCInferenceService"}) {
    EXPECT_EQ(client.CheckHealth(service), "SERVING") << service;
  }
  EXPECT_EQ(client.CheckHealth("descent.v1.NoService"), "NOT_FOUND");
}

TEST_F(ServerTest, ListsTheHealthOfItsServices) {
  ASSERT_TRUE(Start().ok());
  const auto stub = grpc::health::v1::Health::NewStub(server_->InProcessChannel());
  grpc::ClientContext context;
  grpc::health::v1::HealthListResponse response;
  ASSERT_TRUE(stub->List(&context, {}, &response).ok());
  EXPECT_EQ(response.statuses_size(), 5);
  EXPECT_EQ(response.statuses().at("descent.v1.NetworkService").status(),
            HealthCheckResponse::NOT_SERVING);
}

// Over TCP: a server that shuts down cuts its in-process channels at once.
TEST_F(ServerTest, AWatchSeesEveryChangeAndTheEnd) {
  ASSERT_TRUE(Start("127.0.0.1:0").ok());
  const auto stub = grpc::health::v1::Health::NewStub(
      grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto watch = stub->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  server_->StartServing();
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  std::future<bool> drained = std::async(
      std::launch::async, [&] { return server_->Drain(absl::Now() + absl::Seconds(30)); });
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(drained.get());
}

TEST_F(ServerTest, AWatchOfAnUnknownServiceStaysOpen) {
  ASSERT_TRUE(Start().ok());
  const auto stub = grpc::health::v1::Health::NewStub(server_->InProcessChannel());
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service("nobody");
  const auto watch = stub->Watch(&context, request);
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVICE_UNKNOWN);
  context.TryCancel();
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServerTest, AWatchEndsAtTheNextChangeAfterItsPermitIsTakenBack) {
  testing::RevocableAdmission admission;
  auto server = Server::Start({}, &registry_, {.observers = {}, .admission = &admission});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto stub = grpc::health::v1::Health::NewStub((*server)->InProcessChannel());
  grpc::ClientContext context;
  const auto watch = stub->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  admission.Revoke();
  (*server)->StartServing();
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(ServerTest, TheHealthCheckOfContainersKnowsTheDifference) {
  ASSERT_TRUE(Start("127.0.0.1:0").ok());
  const absl::Status starting = CheckHealth(server_->address(), absl::Seconds(10));
  EXPECT_EQ(starting.message(), "NOT_SERVING");
  server_->StartServing();
  EXPECT_TRUE(CheckHealth(server_->address(), absl::Seconds(10)).ok());
  const std::string address = server_->address();
  server_.reset();
  EXPECT_FALSE(CheckHealth(address, absl::Seconds(1)).ok());
}

TEST_F(ServerTest, DrainingTwiceIsDrainingOnce) {
  ASSERT_TRUE(Start().ok());
  server_->StartServing();
  EXPECT_TRUE(server_->Drain(absl::Now() + absl::Seconds(30)));
  EXPECT_TRUE(server_->Drain(absl::Now() + absl::Seconds(30)));
}

}  // namespace
}  // namespace descent::ops
