#include "client/descent/backup.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "client/descent/cancel_watch.h"
#include "client/descent/connection.h"
#include "client/descent/download.h"
#include "client/descent/retry.h"
#include "client/descent/rpc_status.h"

namespace descent::client {
namespace {

absl::Status BackupOnce(const Connection& connection, BackupSink sink, const BackupOptions& options,
                        absl::Time deadline, DownloadStream* progress) {
  grpc::ClientContext context;
  connection.Prepare(&context, deadline);
  const CancelWatch watch(options.cancelled, &context);
  const auto stream = connection.admin().Backup(&context, v1::BackupRequest());
  v1::BackupResponse response;
  int64_t received = 0;
  while (stream->Read(&response)) {
    progress->begun = true;
    received += static_cast<int64_t>(response.chunk().size());
    if (absl::Status status = sink(response.chunk(), response.total_bytes()); !status.ok()) {
      progress->sink_failed = true;
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
  const absl::Time deadline = DeadlineAfter(options.deadline);
  return Download(connection, "backup", deadline, options.cancelled, options.restart,
                  [&](DownloadStream* progress) {
                    return BackupOnce(connection, sink, options, deadline, progress);
                  });
}

}  // namespace descent::client
