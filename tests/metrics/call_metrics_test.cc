#include "server/metrics/call_metrics.h"

#include <grpcpp/server_context.h>

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "descent/v1/admin_service.pb.h"
#include "descent/v1/network_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/services/call_gate.h"
#include "tests/metrics/series.h"

namespace descent::metrics {
namespace {

using services::CallGate;
using services::CallPass;
using services::MethodName;
using testing::SeriesOf;

constexpr MethodName kPredict = {"descent.v1.NetworkService", "Predict"};
constexpr MethodName kTrain = {"descent.v1.NetworkService", "Train"};

class CallMetricsTest : public ::testing::Test {
 protected:
  CallMetricsTest() { gate_.Open(); }

  // Has the program hold the services' descriptors, as a server does.
  const google::protobuf::Descriptor* const held_[2] = {v1::PredictRequest::descriptor(),
                                                        v1::BackupRequest::descriptor()};

  // One call from beginning to end, with a message each way.
  void Call(const MethodName& name, const absl::Status& status) {
    CallPass call(&gate_, name, context_);
    call.AddReceived(10);
    if (status.ok()) call.AddSent(20);
    call.End(status);
  }

  // The value of that series, with the labels of Predict and then `more`.
  double Predict(std::string_view name, std::string_view more = "") const {
    const auto series = SeriesOf(metrics_.Collect());
    const auto found = series.find(absl::StrCat(
        std::string(name),
        "{grpc_type=\"unary\",grpc_service=\"descent.v1.NetworkService\",grpc_method=\"Predict\"",
        std::string(more), "}"));
    EXPECT_NE(found, series.end()) << name << more;
    return found == series.end() ? -1 : found->second;
  }

  CallMetrics metrics_{{"descent.v1.NetworkService", "descent.v1.AdminService"}};
  const grpc::CallbackServerContext context_;
  CallGate gate_{{.observers = {&metrics_}, .messages = &metrics_}};
};

TEST_F(CallMetricsTest, CountsCallsUnderTheNamesThatUsersKnow) {
  Call(kPredict, absl::OkStatus());
  Call(kPredict, absl::OkStatus());
  Call(kPredict, absl::InvalidArgumentError("no such shape"));
  EXPECT_EQ(Predict("grpc_server_started_total"), 3);
  EXPECT_EQ(Predict("grpc_server_handled_total", ",grpc_code=\"OK\""), 2);
  EXPECT_EQ(Predict("grpc_server_handled_total", ",grpc_code=\"InvalidArgument\""), 1);
  EXPECT_EQ(Predict("grpc_server_handled_total", ",grpc_code=\"Internal\""), 0);
  EXPECT_EQ(Predict("grpc_server_msg_received_total"), 3);
  EXPECT_EQ(Predict("grpc_server_msg_sent_total"), 2);
  EXPECT_EQ(Predict("grpc_server_handling_seconds_count"), 3);
  EXPECT_EQ(Predict("grpc_server_handling_seconds_bucket", ",le=\"+Inf\""), 3);
  EXPECT_EQ(Predict("grpc_server_handling_seconds_bucket", ",le=\"10\""), 3);
  EXPECT_GT(Predict("grpc_server_handling_seconds_sum"), 0);
}

TEST_F(CallMetricsTest, CountsTheMessagesOfAStreamWhileItLasts) {
  const std::string labels =
      "{grpc_type=\"bidi_stream\",grpc_service=\"descent.v1.NetworkService\",grpc_method="
      "\"Train\"}";
  CallPass stream(&gate_, kTrain, context_);
  for (int i = 0; i < 5; ++i) stream.AddReceived(1);
  stream.AddSent(1);
  const auto series = SeriesOf(metrics_.Collect());
  EXPECT_EQ(series.at("grpc_server_msg_received_total" + labels), 5);
  EXPECT_EQ(series.at("grpc_server_msg_sent_total" + labels), 1);
  EXPECT_EQ(series.at("grpc_server_started_total" + labels), 1);
  EXPECT_EQ(series.at("grpc_server_handling_seconds_count" + labels), 0);
}

TEST_F(CallMetricsTest, HasSeriesOfEveryMethodOfItsServicesFromTheBeginning) {
  std::set<std::string> types;
  std::set<std::string> methods;
  for (const prometheus::MetricFamily& family : metrics_.Collect()) {
    if (family.name != "grpc_server_started_total") continue;
    for (const prometheus::ClientMetric& metric : family.metric) {
      types.insert(metric.label.at(0).value);
      methods.insert(metric.label.at(2).value);
    }
  }
  EXPECT_THAT(types,
              ::testing::ElementsAre("bidi_stream", "client_stream", "server_stream", "unary"));
  EXPECT_THAT(methods, ::testing::IsSupersetOf({"Predict", "Train", "Evaluate", "Backup"}));
}

TEST_F(CallMetricsTest, WhatCallersMakeUpMakesNoSeries) {
  const std::size_t before = SeriesOf(metrics_.Collect()).size();
  Call({"descent.v1.NetworkService", "NoSuchMethod"}, absl::UnimplementedError("no"));
  Call({"no.such.Service", "Predict"}, absl::OkStatus());
  EXPECT_EQ(SeriesOf(metrics_.Collect()).size(), before);
}

TEST_F(CallMetricsTest, EveryCodeHasItsName) {
  std::map<std::string, double> codes;
  for (int code = 0; code <= 16; ++code) {
    Call(kPredict, absl::Status(static_cast<absl::StatusCode>(code), "why"));
  }
  for (const char* name :
       {"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound",
        "AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted",
        "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated"}) {
    EXPECT_EQ(Predict("grpc_server_handled_total", absl::StrCat(",grpc_code=\"", name, "\"")), 1)
        << name;
  }
}

TEST_F(CallMetricsTest, CountsRefusalsByTheirReasons) {
  const auto refused = [&](const char* code, const char* reason) {
    const auto series = SeriesOf(metrics_.Collect());
    const auto found = series.find(absl::StrCat("descent_refused_calls_total{grpc_code=\"", code,
                                                "\",reason=\"", reason, "\"}"));
    return found == series.end() ? -1 : found->second;
  };
  EXPECT_EQ(refused("ResourceExhausted", "QUEUE_FULL"), 0) << "known before it happens";
  Call(kPredict, Error(absl::StatusCode::kResourceExhausted, "QUEUE_FULL", "full"));
  Call(kPredict, Error(absl::StatusCode::kResourceExhausted, "A_NEW_ONE", "for some reason"));
  Call(kPredict, absl::UnavailableError("for none"));
  Call(kPredict, Error(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", "the caller's fault"));
  EXPECT_EQ(refused("ResourceExhausted", "QUEUE_FULL"), 1);
  EXPECT_EQ(refused("ResourceExhausted", "A_NEW_ONE"), 1);
  EXPECT_EQ(refused("Unavailable", "NONE"), 1);
  EXPECT_EQ(refused("InvalidArgument", "INVALID_FIELD"), -1);
}

TEST_F(CallMetricsTest, ReasonsWithoutEndMakeFewSeries) {
  for (int i = 0; i < 1000; ++i) {
    Call(kPredict, Error(absl::StatusCode::kUnavailable, absl::StrCat("R", i), "again"));
  }
  std::size_t reasons = 0;
  double refusals = 0;
  for (const auto& [name, value] : SeriesOf(metrics_.Collect())) {
    if (!absl::StartsWith(name, "descent_refused_calls_total")) continue;
    ++reasons;
    refusals += value;
  }
  EXPECT_LE(reasons, RefusalCounts::kMostReasons + 1);
  EXPECT_EQ(refusals, 1000);
}

}  // namespace
}  // namespace descent::metrics
