// Models to and from files of standard formats.
//
//   std::ofstream file("house.safetensors", std::ios::binary);
//   RETURN_IF_ERROR(client.ExportModel("house", [&](absl::string_view chunk) {
//     file.write(chunk.data(), chunk.size());
//     return file ? absl::OkStatus() : absl::DataLossError("can't write");
//   }));

#ifndef CLIENT_DESCENT_MODEL_FILES_H_
#define CLIENT_DESCENT_MODEL_FILES_H_

#include <functional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "descent/v1/model_service.pb.h"

namespace descent::client {

class Connection;

struct ExportOptions {
  v1::ExportFormat format = v1::EXPORT_FORMAT_SAFETENSORS;
  // Whether the optimizer's state goes along; safetensors only.
  bool include_optimizer = false;
  // As BackupOptions has them.
  absl::Duration deadline = absl::ZeroDuration();
  std::function<bool()> cancelled = {};
  std::function<absl::Status()> restart = {};
};

// Takes the next bytes of the file. An error ends the export.
using ExportSink = absl::FunctionRef<absl::Status(absl::string_view chunk)>;

struct ImportOptions {
  absl::Duration deadline = absl::ZeroDuration();
  std::function<bool()> cancelled = {};
};

// Where a file comes from.
struct ImportSource {
  // Replaces `chunk` by the next bytes, at most some megabytes; false at the end. An error ends the
  // import and is returned.
  std::function<absl::StatusOr<bool>(std::string& chunk)> next;
  // Makes `next` begin again from the first byte, for a connection that was lost. Null: that is an
  // error.
  std::function<absl::Status()> rewind = {};
};

// As Client::ExportModel and Client::ImportModel.
absl::Status RunExport(const Connection& connection, absl::string_view model, ExportSink sink,
                       const ExportOptions& options);
absl::StatusOr<v1::Model> RunImport(const Connection& connection, const v1::ImportStart& start,
                                    const ImportSource& source, const ImportOptions& options);

}  // namespace descent::client

#endif  // CLIENT_DESCENT_MODEL_FILES_H_
