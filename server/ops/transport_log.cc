#include "server/ops/transport_log.h"

#include <grpcpp/version_info.h>

#include <string_view>

#include "server/ops/log.h"

#if GRPC_CPP_VERSION_MAJOR == 1 && GRPC_CPP_VERSION_MINOR < 65

#include <grpc/support/log.h>

namespace descent::ops {
namespace {

void Take(gpr_log_func_args* message) {
  const LogLevel level = message->severity == GPR_LOG_SEVERITY_ERROR  ? LogLevel::kWarning
                         : message->severity == GPR_LOG_SEVERITY_INFO ? LogLevel::kInfo
                                                                      : LogLevel::kDebug;
  Log(level, "grpc", {{"text", std::string_view(message->message)}});
}

}  // namespace

void StartTransportLog() { gpr_set_log_function(Take); }

void StopTransportLog() { gpr_set_log_function(nullptr); }

}  // namespace descent::ops

#else

#include "absl/base/log_severity.h"
#include "absl/log/globals.h"
#include "absl/log/initialize.h"
#include "absl/log/log_entry.h"
#include "absl/log/log_sink.h"
#include "absl/log/log_sink_registry.h"

namespace descent::ops {
namespace {

class Sink final : public absl::LogSink {
 public:
  void Send(const absl::LogEntry& entry) override {
    const LogLevel level = entry.log_severity() >= absl::LogSeverity::kError ? LogLevel::kWarning
                           : entry.log_severity() == absl::LogSeverity::kWarning ? LogLevel::kInfo
                                                                                 : LogLevel::kDebug;
    Log(level, "grpc", {{"text", entry.text_message()}});
  }
};

Sink& TheSink() {
  static Sink* const sink = [] {
    absl::InitializeLog();  // which a process may do once
    // What ends the process is written where nothing of ours has to be alive for it.
    absl::SetStderrThreshold(absl::LogSeverityAtLeast::kFatal);
    return new Sink();
  }();
  return *sink;
}

}  // namespace

void StartTransportLog() { absl::AddLogSink(&TheSink()); }

void StopTransportLog() { absl::RemoveLogSink(&TheSink()); }

}  // namespace descent::ops

#endif
