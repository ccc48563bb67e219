#include "server/metrics/call_metrics.h"

#include <utility>

#include "google/protobuf/descriptor.h"

namespace descent::metrics {
namespace {

std::string_view TypeOf(const google::protobuf::MethodDescriptor& method) {
  if (method.client_streaming()) return method.server_streaming() ? "bidi_stream" : "client_stream";
  return method.server_streaming() ? "server_stream" : "unary";
}

double Value(const std::atomic<std::uint64_t>& count) {
  return static_cast<double>(count.load(std::memory_order_relaxed));
}

}  // namespace

CallMetrics::Method::Method(const google::protobuf::MethodDescriptor& descriptor)
    : service(descriptor.service()->full_name()),
      name(descriptor.name()),
      type(TypeOf(descriptor)) {}

CallMetrics::CallMetrics(const std::vector<std::string>& services) {
  const google::protobuf::DescriptorPool& pool =
      *google::protobuf::DescriptorPool::generated_pool();
  for (const std::string& name : services) {
    const google::protobuf::ServiceDescriptor* const service = pool.FindServiceByName(name);
    for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
      Method& method = methods_.emplace_back(*service->method(i));
      by_name_[{method.service, method.name}] = &method;
    }
  }
}

CallMetrics::Method* CallMetrics::Find(const services::MethodName& name) const {
  const auto found = by_name_.find({name.service, name.method});
  return found == by_name_.end() ? nullptr : found->second;
}

void CallMetrics::OnCallStart(const services::MethodName& name,
                              const grpc::ServerContextBase& /*context*/) {
  if (Method* const method = Find(name)) method->started.fetch_add(1, std::memory_order_relaxed);
}

services::MessageCounts* CallMetrics::CountsOf(const services::MethodName& name) {
  Method* const method = Find(name);
  return method == nullptr ? nullptr : &method->messages;
}

void CallMetrics::OnCallEnd(const services::CallRecord& record) {
  Method* const method = Find(record.name);
  if (method == nullptr) return;
  const auto code = static_cast<std::size_t>(record.status.code());
  method->handled[code < kCodes ? code : static_cast<std::size_t>(absl::StatusCode::kUnknown)]
      .fetch_add(1, std::memory_order_relaxed);
  method->durations.Add(record.duration);
  if (!record.status.ok()) refusals_.Add(record.status);
}

Families CallMetrics::Collect() const {
  prometheus::MetricFamily started =
      Counter("grpc_server_started_total", "Calls that have begun, whatever became of them.");
  prometheus::MetricFamily handled =
      Counter("grpc_server_handled_total", "Calls that have ended, by the code they ended with.");
  prometheus::MetricFamily received =
      Counter("grpc_server_msg_received_total", "Messages that came from clients.");
  prometheus::MetricFamily sent =
      Counter("grpc_server_msg_sent_total", "Messages that were sent to clients.");
  prometheus::MetricFamily seconds = Histogram(
      "grpc_server_handling_seconds",
      "How long calls took, from the moment the server knew of them to their end; a stream counts "
      "when it ends.");
  for (const Method& method : methods_) {
    const auto add = [&](double value, prometheus::MetricFamily* family) {
      AddSeries(value,
                {{"grpc_type", method.type},
                 {"grpc_service", method.service},
                 {"grpc_method", method.name}},
                family);
    };
    add(Value(method.started), &started);
    add(Value(method.messages.received), &received);
    add(Value(method.messages.sent), &sent);
    for (std::size_t code = 0; code < kCodes; ++code) {
      AddSeries(Value(method.handled[code]),
                {{"grpc_type", method.type},
                 {"grpc_service", method.service},
                 {"grpc_method", method.name},
                 {"grpc_code", CodeName(static_cast<absl::StatusCode>(code))}},
                &handled);
    }
    AddSeries(method.durations.Read(),
              {{"grpc_type", method.type},
               {"grpc_service", method.service},
               {"grpc_method", method.name}},
              &seconds);
  }
  return {std::move(started), std::move(handled), std::move(received),
          std::move(sent),    std::move(seconds), refusals_.Collect()};
}

}  // namespace descent::metrics
