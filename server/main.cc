// descentd: options -> wired objects -> a server, until a signal ends it.

#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <variant>

#include "absl/time/clock.h"
#include "core/instruction_set.h"
#include "server/models/registry.h"
#include "server/ops/call_log.h"
#include "server/ops/health_check.h"
#include "server/ops/log.h"
#include "server/ops/process.h"
#include "server/ops/server.h"
#include "server/options.h"
#include "version/version.h"

namespace descent {
namespace {

using ops::Log;
using ops::LogLevel;

int Run(const Exit& exit) {
  (exit.code == kExitOk ? std::cout : std::cerr) << exit.output;
  return exit.code;
}

int Run(const HealthCheck& check) {
  const absl::Status status = ops::CheckHealth(check.server, check.timeout);
  if (status.ok()) {
    std::cout << check.server << " is serving\n";
    return kExitOk;
  }
  std::cerr << check.server << " is not serving: " << status.message() << "\n";
  return kExitFailure;
}

// Serves until a signal asks for the end.
int RunServer(const Serve& serve) {
  const std::int64_t open_files = ops::RaiseOpenFileLimit();
  models::Registry registry(serve.models);
  ops::CallLog call_log;
  absl::StatusOr<std::unique_ptr<ops::Server>> server =
      ops::Server::Start(serve.server, &registry, &call_log);
  if (!server.ok()) {
    Log(LogLevel::kError, std::string(server.status().message()));
    return kExitCannotListen;
  }
  if (!serve.in_memory) {
    Log(LogLevel::kWarning, "models live in memory and are gone when the server ends");
  }
  (*server)->StartServing();
  Log(LogLevel::kInfo, "serving",
      {{"address", (*server)->address()},
       {"version", kVersion},
       {"commit", kCommit},
       {"instruction_set", InstructionSet()},
       {"threads", std::int64_t{serve.models.threads}},
       {"open_files", open_files}});
  std::cout << "listening on " << (*server)->address() << std::endl;

  const int signal = ops::AwaitStopSignal();
  ops::UnblockStopSignals();
  Log(LogLevel::kInfo, "draining",
      {{"signal", std::int64_t{signal}},
       {"timeout_seconds", absl::ToDoubleSeconds(serve.drain_timeout)}});
  const bool finished = (*server)->Drain(absl::Now() + serve.drain_timeout);
  Log(finished ? LogLevel::kInfo : LogLevel::kWarning,
      finished ? "stopped" : "stopped with calls cancelled that took too long");
  return finished ? kExitOk : kExitFailure;
}

int Run(const Serve& serve) {
  ops::BlockStopSignals();
  ops::StartLog(serve.log_format, serve.log_level);
  const int code = RunServer(serve);
  ops::StopLog();
  return code;
}

}  // namespace
}  // namespace descent

int main(int argc, char** argv) {
  return std::visit([](const auto& invocation) { return descent::Run(invocation); },
                    descent::ParseOptions(argc, argv));
}
