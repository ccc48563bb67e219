// What counting a call for /metrics takes: a call's way through the gate, with a message each way,
// without the counters and with them, on one thread and on several at once that make calls of one
// method.

#include <benchmark/benchmark.h>
#include <grpcpp/server_context.h>

#include "core/check.h"
#include "descent/v1/network_service.pb.h"
#include "server/metrics/call_metrics.h"
#include "server/services/call_gate.h"
#include "server/services/services.h"

namespace descent {
namespace {

void MakeCalls(services::CallGate* gate, benchmark::State& state) {
  const grpc::CallbackServerContext context;
  for (auto _ : state) {
    services::CallPass call(gate, {services::kNetworkService, "Predict"}, context,
                            services::CallKind::kInquiry);
    call.AddReceived(100);
    call.AddSent(100);
    call.End(absl::OkStatus());
  }
}

void Uncounted(benchmark::State& state) {
  static services::CallGate* const gate = new services::CallGate({});
  MakeCalls(gate, state);
}

void Counted(benchmark::State& state) {
  // A message that is named here keeps the linker from leaving the service's descriptors out.
  DESCENT_CHECK(v1::PredictRequest::descriptor() != nullptr);
  static auto* const metrics = new metrics::CallMetrics({services::kNetworkService});
  static services::CallGate* const gate =
      new services::CallGate({.observers = {metrics}, .messages = metrics});
  MakeCalls(gate, state);
}

BENCHMARK(Uncounted)->ThreadRange(1, 4)->UseRealTime();
BENCHMARK(Counted)->ThreadRange(1, 4)->UseRealTime();

}  // namespace
}  // namespace descent

BENCHMARK_MAIN();
