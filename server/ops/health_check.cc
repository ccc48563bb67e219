#include "server/ops/health_check.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "absl/strings/str_cat.h"
#include "clock/steady.h"
#include "endpoint/endpoint.h"
#include "endpoint/proxy.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace descent::ops {

absl::Status CheckHealth(const std::string& address, absl::Duration timeout) {
  const absl::StatusOr<endpoint::Target> target = endpoint::ParseTarget(address);
  if (!target.ok()) return target.status();
  grpc::ChannelArguments arguments;
  if (!endpoint::MayUseProxy(*target)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto stub = grpc::health::v1::Health::NewStub(
      grpc::CreateCustomChannel(target->name, grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext context;
  context.set_deadline(ToSystemClock(SteadyNow() + timeout));
  grpc::health::v1::HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, {}, &response);
  if (!status.ok()) {
    return absl::UnavailableError(
        absl::StrCat(status.error_message(), endpoint::ThroughProxy(*target)));
  }
  if (response.status() != grpc::health::v1::HealthCheckResponse::SERVING) {
    return absl::UnavailableError(
        grpc::health::v1::HealthCheckResponse::ServingStatus_Name(response.status()));
  }
  return absl::OkStatus();
}

}  // namespace descent::ops
