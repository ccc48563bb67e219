#include "client/descent/model_files.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/descent/cancel_watch.h"
#include "client/descent/connection.h"
#include "client/descent/download.h"
#include "client/descent/retry.h"
#include "client/descent/rpc_status.h"

namespace descent::client {
namespace {

absl::Status ExportOnce(const Connection& connection, const v1::ExportModelRequest& request,
                        ExportSink sink, const ExportOptions& options, absl::Time deadline,
                        DownloadStream* progress) {
  grpc::ClientContext context;
  connection.Prepare(&context, deadline);
  const CancelWatch watch(options.cancelled, &context);
  const auto stream = connection.models().ExportModel(&context, request);
  v1::ExportModelResponse response;
  while (stream->Read(&response)) {
    progress->begun = true;
    if (absl::Status status = sink(response.chunk()); !status.ok()) {
      progress->sink_failed = true;
      context.TryCancel();
      stream->Finish();
      return status;
    }
  }
  return FromGrpcStatus(stream->Finish());
}

// One stream. Sets *source_error when the file is at fault.
absl::StatusOr<v1::Model> ImportOnce(const Connection& connection, const v1::ImportStart& start,
                                     const ImportSource& source, const ImportOptions& options,
                                     absl::Time deadline,
                                     std::optional<absl::Status>* source_error) {
  grpc::ClientContext context;
  connection.Prepare(&context, deadline);
  const CancelWatch watch(options.cancelled, &context);
  v1::ImportModelResponse response;
  const auto stream = connection.models().ImportModel(&context, &response);
  v1::ImportModelRequest request;
  *request.mutable_start() = start;
  bool goes_on = stream->Write(request);
  while (goes_on) {
    const absl::StatusOr<bool> more = source.next(*request.mutable_chunk());
    if (!more.ok()) {
      *source_error = more.status();
      context.TryCancel();
      stream->Finish();
      return more.status();
    }
    if (!*more) {
      stream->WritesDone();
      break;
    }
    goes_on = stream->Write(request);  // if not, Finish knows why
  }
  if (const grpc::Status status = stream->Finish(); !status.ok()) return FromGrpcStatus(status);
  return std::move(*response.mutable_model());
}

}  // namespace

absl::Status RunExport(const Connection& connection, absl::string_view model, ExportSink sink,
                       const ExportOptions& options) {
  const absl::Time deadline = DeadlineAfter(options.deadline);
  v1::ExportModelRequest request;
  request.set_model(std::string(model));
  request.set_format(options.format);
  request.set_include_optimizer(options.include_optimizer);
  return Download(connection, "export", deadline, options.cancelled, options.restart,
                  [&](DownloadStream* progress) {
                    return ExportOnce(connection, request, sink, options, deadline, progress);
                  });
}

absl::StatusOr<v1::Model> RunImport(const Connection& connection, const v1::ImportStart& start,
                                    const ImportSource& source, const ImportOptions& options) {
  const absl::Time deadline = DeadlineAfter(options.deadline);
  absl::StatusOr<v1::Model> model;
  bool begun = false;
  std::optional<absl::Status> end;  // what another attempt is not to mend
  const absl::Status status = Retry(connection, deadline, [&] {
    if (begun) {
      if (absl::Status again = source.rewind(); !again.ok()) {
        end = std::move(again);
        return absl::OkStatus();
      }
    }
    model = ImportOnce(connection, start, source, options, deadline, &end);
    if (options.cancelled && options.cancelled() && !model.ok()) {
      end = absl::CancelledError("the import was cancelled");
    } else if (begun && absl::IsAlreadyExists(model.status())) {
      end = absl::AlreadyExistsError(
          absl::StrCat(model.status().message(),
                       "; the connection was lost before, so it may be this import that made it"));
    } else if (!model.ok() && !source.rewind) {
      end = model.status();
    }
    begun = true;
    return end.has_value() ? absl::OkStatus() : model.status();
  });
  if (end.has_value()) return connection.Explain(*std::move(end));
  if (!status.ok()) return status;
  return model;
}

}  // namespace descent::client
