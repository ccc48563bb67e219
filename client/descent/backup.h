// Copying a server's whole store to this side.
//
//   std::ofstream file("store.db", std::ios::binary);
//   RETURN_IF_ERROR(client.Backup([&](absl::string_view chunk, int64_t) {
//     file.write(chunk.data(), chunk.size());
//     return file ? absl::OkStatus() : absl::DataLossError("can't write");
//   }));

#ifndef CLIENT_DESCENT_BACKUP_H_
#define CLIENT_DESCENT_BACKUP_H_

#include <cstdint>
#include <functional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace descent::client {

class Connection;

struct BackupOptions {
  // The time that the backup may take, all its attempts and pauses together. Zero: no limit.
  absl::Duration deadline = absl::ZeroDuration();
  // Asked several times a second, on a thread of its own, also while the server is still busy with
  // its copy; true ends the backup with CANCELLED. Null: it can't be cancelled.
  std::function<bool()> cancelled = {};
  // Called when the connection was lost after bytes had come: the sink is to forget them, since the
  // next ones will be the first of a copy of another moment. Its error ends the backup. Null: a
  // connection that is lost by then is an error.
  std::function<absl::Status()> restart = {};
};

// Takes the next bytes of the file, which will have `total_bytes` in all. An error ends the backup.
using BackupSink = absl::FunctionRef<absl::Status(absl::string_view chunk, int64_t total_bytes)>;

// As Client::Backup.
absl::Status RunBackup(const Connection& connection, BackupSink sink, const BackupOptions& options);

}  // namespace descent::client

#endif  // CLIENT_DESCENT_BACKUP_H_
