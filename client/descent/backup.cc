#include "client/descent/backup.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/descent/cancel_watch.h"
#include "client/descent/connection.h"
#include "client/descent/retry.h"
#include "client/descent/rpc_status.h"
#include "clock/steady.h"

namespace descent::client {
namespace {

// One stream. *begun becomes true with the first chunk.
absl::Status BackupOnce(const Connection& connection, BackupSink sink, const BackupOptions& options,
                        absl::Time deadline, bool* begun) {
  grpc::ClientContext context;
  connection.Prepare(&context, deadline);
  const CancelWatch watch(options.cancelled, &context);
  const auto stream = connection.admin().Backup(&context, v1::BackupRequest());
  v1::BackupResponse response;
  int64_t received = 0;
  while (stream->Read(&response)) {
    *begun = true;
    received += static_cast<int64_t>(response.chunk().size());
    if (absl::Status status = sink(response.chunk(), response.total_bytes()); !status.ok()) {
      context.TryCancel();
      stream->Finish();
      return status;
    }
  }
  if (const grpc::Status end = stream->Finish(); !end.ok()) return FromGrpcStatus(end);
  if (received == 0 || received != response.total_bytes()) {
    return absl::DataLossError(absl::StrCat("the backup ended after ", received, " of ",
                                            response.total_bytes(), " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunBackup(const Connection& connection, BackupSink sink,
                       const BackupOptions& options) {
  const absl::Time deadline = options.deadline > absl::ZeroDuration()
                                  ? SteadyNow() + options.deadline
                                  : absl::InfiniteFuture();
  bool begun = false;
  bool sink_failed = false;
  const auto keep = [&](absl::string_view chunk, int64_t total_bytes) {
    absl::Status status = sink(chunk, total_bytes);
    sink_failed = !status.ok();
    return status;
  };
  std::optional<absl::Status> end;  // what another attempt is not to mend
  const absl::Status status = Retry(connection, deadline, [&] {
    absl::Status attempt = BackupOnce(connection, keep, options, deadline, &begun);
    const bool cancelled = options.cancelled && options.cancelled();
    if (!begun && !cancelled) return attempt;
    if (!cancelled && !sink_failed && options.restart && IsTransient(attempt)) {
      const absl::Status restarted = options.restart();
      begun = false;
      if (restarted.ok()) return attempt;
      attempt = restarted;
    }
    end = cancelled && !attempt.ok() ? absl::CancelledError("the backup was cancelled") : attempt;
    return absl::OkStatus();
  });
  return end.value_or(status);
}

}  // namespace descent::client
