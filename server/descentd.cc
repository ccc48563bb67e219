#include "server/descentd.h"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "core/instruction_set.h"
#include "core/status_macros.h"
#include "server/arguments.h"
#include "server/http/port.h"
#include "server/http/probes.h"
#include "server/http/route.h"
#include "server/http/site.h"
#include "server/machine_cores.h"
#include "server/metrics/call_metrics.h"
#include "server/metrics/exposition.h"
#include "server/models/registry/registry.h"
#include "server/models/work/memory_budget.h"
#include "server/ops/access_control.h"
#include "server/ops/access_log.h"
#include "server/ops/call_log.h"
#include "server/ops/drain_watchdog.h"
#include "server/ops/health.h"
#include "server/ops/health_check.h"
#include "server/ops/limit_log.h"
#include "server/ops/log.h"
#include "server/ops/process.h"
#include "server/ops/recovery_log.h"
#include "server/ops/reflection.h"
#include "server/ops/server.h"
#include "server/ops/service_manager.h"
#include "server/ops/slow_call_log.h"
#include "server/ops/storage_log.h"
#include "server/ops/transport_log.h"
#include "server/ops/transport_threads.h"
#include "server/options.h"
#include "server/pages/status_pages.h"
#include "server/rest/inference_routes.h"
#include "server/services/call_hooks.h"
#include "server/services/services.h"
#include "server/store/memory_store.h"
#include "server/verify.h"
#include "version/version.h"

namespace descent {
namespace {

using ops::Log;
using ops::LogLevel;

// The models' store, or null when the exit status says that there is none.
std::unique_ptr<store::Store> OpenModels(const Serve& serve, OpenStore open_store) {
  if (serve.in_memory) return std::make_unique<store::MemoryStore>();
  absl::StatusOr<std::unique_ptr<store::Store>> store = open_store(serve.storage);
  if (store.ok()) return *std::move(store);
  Log(LogLevel::kError, std::string(store.status().message()));
  return nullptr;
}

// Sets up who may do what. False, having logged why, when the file can't be read right.
bool StartAccess(const Serve& serve, std::unique_ptr<ops::AccessControl>* access,
                 services::CallHooks* hooks) {
  if (serve.access_file.empty()) return true;
  absl::StatusOr<std::unique_ptr<ops::AccessControl>> started =
      ops::AccessControl::Start(serve.access_file);
  if (!started.ok()) {
    Log(LogLevel::kError, "--access: " + std::string(started.status().message()));
    return false;
  }
  *access = *std::move(started);
  hooks->admission = (*access)->admission();
  hooks->observers.push_back((*access)->refusals());
  return true;
}

// Counts calls for /metrics; null without --http, where nobody could read what is counted.
std::unique_ptr<metrics::CallMetrics> CountCalls(const Serve& serve, services::CallHooks* hooks) {
  if (serve.http.empty()) return nullptr;
  auto calls = std::make_unique<metrics::CallMetrics>(std::vector<std::string>{
      services::kNetworkService, services::kModelService, services::kAdminService,
      services::kInferenceService, ops::kHealthService, ops::kReflectionService,
      ops::kReflectionAlphaService});
  hooks->observers.push_back(calls.get());
  hooks->messages = calls.get();
  return calls;
}

// /metrics. What the sources name outlives it.
http::Route MetricsRoute(const Serve& serve, const metrics::Exposition::Sources& sources) {
  metrics::Exposition exposition(
      sources,
      {.build = {std::string(kVersion), std::string(kCommit), std::string(InstructionSet())},
       .transport_memory_bytes = serve.server.transport_memory_bytes,
       .most_models = static_cast<std::size_t>(serve.metrics_models)});
  return {.path = "/metrics",
          .handler = [exposition = std::move(exposition)](const http::Request& request) {
            return http::Answer{.type = metrics::kContentType,
                                .body = exposition.Write(
                                    [&](std::string_view model) { return request.MaySee(model); })};
          }};
}

// Begins the log of all calls. False, having logged why, when it can't be written.
bool StartAccessLog(const Serve& serve, std::unique_ptr<ops::AccessLog>* log,
                    services::CallHooks* hooks) {
  if (serve.access_log.empty()) return true;
  absl::StatusOr<std::unique_ptr<ops::AccessLog>> opened = ops::AccessLog::Open(serve.access_log);
  if (!opened.ok()) {
    Log(LogLevel::kError, "--access-log: " + std::string(opened.status().message()));
    return false;
  }
  *log = *std::move(opened);
  hooks->observers.push_back(log->get());
  return true;
}

// Counts what requests send by HTTP as what they send by gRPC.
rest::Reserve ReserveReceived(const models::Registry* registry) {
  return [memory = registry->memory()](
             std::size_t bytes) -> absl::StatusOr<std::shared_ptr<const void>> {
    ASSIGN_OR_RETURN(models::MemoryCharge charge,
                     memory->Reserve(models::MemoryPurpose::kReceived, bytes));
    return std::make_shared<models::MemoryCharge>(std::move(charge));
  };
}

// What is answered over HTTP.
std::vector<http::Route> HttpRoutes(const Serve& serve,
                                    const metrics::Exposition::Sources& sources) {
  const auto is_serving = [server = sources.server] { return server->IsServing(); };
  std::vector<http::Route> routes = http::ProbeRoutes(is_serving);
  routes.push_back(MetricsRoute(serve, sources));
  std::vector<http::Route> pages =
      pages::StatusRoutes({.registry = sources.registry,
                           .is_serving = is_serving,
                           .in_memory = serve.in_memory,
                           .identity = {.version = kVersion,
                                        .commit = kCommit,
                                        .instruction_set = std::string(InstructionSet()),
                                        .options = serve.changed}});
  routes.insert(routes.end(), std::make_move_iterator(pages.begin()),
                std::make_move_iterator(pages.end()));
  std::vector<http::Route> inference = rest::InferenceRoutes(
      rest::InferenceCalls(sources.server->InProcessChannel(), sources.server->visitors()),
      is_serving, ReserveReceived(sources.registry));
  routes.insert(routes.end(), std::make_move_iterator(inference.begin()),
                std::make_move_iterator(inference.end()));
  return routes;
}

// Null without --http.
absl::StatusOr<std::unique_ptr<http::Port>> StartHttp(const Serve& serve,
                                                      const metrics::Exposition::Sources& sources,
                                                      ops::AccessControl* access) {
  if (serve.http.empty()) return nullptr;
  http::Site site(HttpRoutes(serve, sources), access == nullptr ? nullptr : access->access(),
                  access == nullptr ? nullptr : access->refusals());
  return http::Port::Start(
      {.address = serve.http,
       .max_body_bytes = static_cast<std::size_t>(serve.server.max_message_bytes),
       .reserve_body = ReserveReceived(sources.registry)},
      sources.server->tls(), std::move(site));
}

// The exit status of a server that can't be started.
int CannotStart(const absl::Status& status) {
  Log(LogLevel::kError, std::string(status.message()));
  return absl::IsInvalidArgument(status) ? kExitUsage : kExitCannotListen;
}

// How much longer than its time a drain may take: for what it was cancelled to be unwound.
constexpr absl::Duration kDrainGrace = absl::Seconds(2);

// The end of a process whose drain has none.
void EndAtOnce() {
  Log(LogLevel::kError,
      "ended in the middle of its drain, which the transport does not come to an end with; what "
      "was "
      "acknowledged is safe");
  ops::StopTransportLog();
  ops::StopLog();
  std::_Exit(kExitFailure);
}

// Drains the server; what is asked for by a second signal ends it at once.
int Drain(const Serve& serve, int signal, const ops::ServiceManager& manager, ops::Server* server,
          ops::DrainWatchdog* watchdog) {
  ops::UnblockStopSignals();
  watchdog->Start(serve.drain_timeout + kDrainGrace);
  manager.Stopping(serve.drain_timeout + 2 * kDrainGrace);
  Log(LogLevel::kInfo, "draining",
      {{"signal", std::int64_t{signal}},
       {"timeout_seconds", absl::ToDoubleSeconds(serve.drain_timeout)}});
  const bool finished = server->Drain(absl::Now() + serve.drain_timeout);
  Log(finished ? LogLevel::kInfo : LogLevel::kWarning,
      finished ? "stopped" : "stopped with calls cancelled that took too long");
  return finished ? kExitOk : kExitFailure;
}

// Who is told how far the server is, as the environment says.
std::string NotifySocket() {
  const char* socket = Variable("NOTIFY_SOCKET");
  return socket == nullptr ? "" : socket;
}

// Serves until a signal asks for the end.
int RunServer(const Serve& serve, OpenStore open_store) {
  const std::int64_t open_files = ops::RaiseOpenFileLimit();
  ops::DrainWatchdog watchdog(EndAtOnce);  // until all below has gone
  ops::CallLog call_log;
  ops::LimitLog limit_log;
  services::CallHooks hooks = {.observers = {&call_log, &limit_log}};
  ops::SlowCallLog slow_call_log(serve.slow_call);
  if (serve.slow_call > absl::ZeroDuration()) hooks.observers.push_back(&slow_call_log);
  std::unique_ptr<ops::AccessLog> access_log;  // outlives the server
  if (!StartAccessLog(serve, &access_log, &hooks)) return kExitUsage;
  std::unique_ptr<ops::AccessControl> access;  // outlives the server
  if (!StartAccess(serve, &access, &hooks)) return kExitUsage;
  const std::unique_ptr<metrics::CallMetrics> calls = CountCalls(serve, &hooks);  // likewise
  const ops::ServiceManager manager(NotifySocket());  // outlives all that tells of itself
  manager.Starting("opening the data directory");
  std::unique_ptr<store::Store> store = OpenModels(serve, open_store);
  if (store == nullptr) return kExitBadDataDirectory;
  ops::RecoveryLog recovery_log;
  ops::RecoveryNotices recovery_notices(&manager, &recovery_log);
  models::Registry registry(serve.models, std::move(store));
  ops::SpareTransportThreads(MachineCores());
  absl::StatusOr<std::unique_ptr<ops::Server>> started =
      ops::Server::Start(serve.server, &registry, hooks);
  if (!started.ok()) return CannotStart(started.status());
  ops::Server* const server = started->get();
  const absl::StatusOr<std::unique_ptr<http::Port>> http =
      StartHttp(serve, {calls.get(), &registry, server}, access.get());  // answers until the end
  if (!http.ok()) return CannotStart(http.status());

  // Calls are taken from now on; those for a model that is not recovered yet are UNAVAILABLE.
  const auto on_recovered = [&](const models::RecoverySummary& summary) {
    if (summary.stopped) return;
    ops::RecoveryLog::OnDone(summary);
    server->SetServing();
    const std::string addresses = absl::StrJoin(server->addresses(), " ");
    manager.Serving(absl::StrCat("serving on ", addresses));
    Log(LogLevel::kInfo, "serving",
        {{"address", addresses},
         {"health", server->health_address().empty() ? "none" : server->health_address()},
         {"http", *http == nullptr ? "none" : (*http)->address()},
         {"version", kVersion},
         {"commit", kCommit},
         {"instruction_set", InstructionSet()},
         {"threads", std::int64_t{serve.models.threads}},
         {"memory_mib",
          static_cast<std::int64_t>(
              (serve.models.memory_budget_bytes + serve.server.transport_memory_bytes) >> 20)},
         {"transport_memory_mib",
          static_cast<std::int64_t>(serve.server.transport_memory_bytes >> 20)},
         {"data_dir", serve.in_memory ? "none, models live in memory" : serve.storage.directory},
         {"open_files", open_files}});
    for (const std::string& address : server->addresses()) {
      std::cout << "listening on " << address << "\n";
    }
    if (*http != nullptr) std::cout << "pages at " << (*http)->url() << "\n";
    std::cout << std::flush;
  };
  ops::StorageLog storage_log;
  const auto on_storage = [&](const absl::Status& status) {
    storage_log.OnStatus(status);
    // A full disk may have room again; what failed otherwise takes a new start.
    if (status.ok() || absl::IsResourceExhausted(status)) return;
    server->GiveUp();
    manager.Failed("the storage has failed; a new start recovers what it holds");
  };
  registry.NotifyStorage(on_storage);
  on_storage(registry.StorageStatus());
  registry.Recover(on_recovered, &recovery_notices);
  server->TakeCalls();
  const int code = Drain(serve, ops::AwaitStopSignal(), manager, server, &watchdog);
  registry.NotifyStorage(nullptr);
  return code;
}

int Run(const Exit& exit, OpenStore /*open_store*/) {
  (exit.code == kExitOk ? std::cout : std::cerr) << exit.output;
  return exit.code;
}

int Run(const HealthCheck& check, OpenStore /*open_store*/) {
  const absl::Status status = ops::CheckHealth(check.server, check.timeout);
  if (status.ok()) {
    std::cout << check.server << " is serving\n";
    return kExitOk;
  }
  std::cerr << check.server << " is not serving: " << status.message() << "\n";
  return kExitFailure;
}

int Run(const Verify& verify, OpenStore open_store) {
  return VerifyDirectory(verify, open_store, &std::cout, &std::cerr);
}

int Run(Serve serve, OpenStore open_store) {
  ops::BlockStopSignals();
  ops::StartLog(serve.log_format, serve.log_level);
  ops::StartTransportLog();
  serve.storage.build = BuildName();
  serve.storage.instruction_set = InstructionSet();
  const int code = RunServer(serve, open_store);
  ops::StopTransportLog();
  ops::StopLog();
  return code;
}

}  // namespace

int RunDescentd(int argc, const char* const* argv, OpenStore open_store) {
  return std::visit([&](const auto& invocation) { return Run(invocation, open_store); },
                    ParseOptions(argc, argv));
}

}  // namespace descent
