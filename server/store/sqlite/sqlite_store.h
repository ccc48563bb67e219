// The store in one SQLite file; docs/storage_format.md describes it.

#ifndef SERVER_STORE_SQLITE_SQLITE_STORE_H_
#define SERVER_STORE_SQLITE_SQLITE_STORE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/engine_version.h"
#include "server/store/store.h"

namespace descent::store {

struct SqliteStoreOptions {
  // Holds `descent.db`, the journal's log and the lock. Made, with its parents, if it is not there.
  std::string directory;

  // Who writes, recorded in the file for people to read.
  std::string build;            // "0.1.0 (commit, compiler)"
  std::string instruction_set;  // "x86-64-v4"
  // Recorded too. Recovery compares state hashes that this version wrote: engines of one version
  // compute the same bits on every machine, those of another may not.
  std::int64_t engine_version = kEngineVersion;

  // A model's journal asks for a checkpoint at this many bytes, or at the size of the model's
  // state if that is more. Default 64 MiB. Raising it writes fewer checkpoints, and makes recovery
  // (which applies the journal again, no slower than it was trained) and the file longer.
  std::int64_t checkpoint_journal_bytes = std::int64_t{64} << 20;
  // And when there are changes and the last checkpoint is this old. Default 5 minutes: recovery
  // repeats at most so much computing for each model. With durability CHECKPOINT it is what a crash
  // may take.
  absl::Duration checkpoint_interval = absl::Minutes(5);
  // Checkpoints kept that nobody asked for. Default 2, at least 1: the newest is what recovery
  // starts from, older ones are there to go back to. Each costs parameters and optimizer state.
  int kept_checkpoints = 2;

  // How many answers to CreateModel and DeleteModel are remembered, and for how long: as
  // ModelsOptions::request_window and request_window_age.
  int request_window = 1024;
  absl::Duration request_window_age = absl::Minutes(10);

  // Of each of the two files of the journal's log, about; commits larger than a quarter are not
  // written there. Default 96 MiB: a model that is trained without pause is saved, which makes the
  // rows of one file superfluous, before three quarters of the other are full, when rows begin to
  // be moved.
  std::int64_t journal_log_bytes = std::int64_t{96} << 20;

  // For how long the history of losses and metrics is kept. Default 30 days; a model that trains
  // without pause costs about 5 MB a day.
  absl::Duration history_age = absl::Hours(24 * 30);

  // Opens a store without changing anything of it, and keeps nothing: every change fails. What a
  // crash has left in the log is read and stays there.
  bool read_only = false;

  // Opens a database whose logs have gone with what it holds by itself, rather than refuse it.
  bool accept_missing_logs = false;

  // SQLite's file system; null: the platform's. For tests.
  const char* vfs = nullptr;
};

// Opens or makes the store. Errors:
//   FAILED_PRECONDITION (DATA_DIRECTORY_IN_USE) another process has it, with its id;
//   FAILED_PRECONDITION (STORAGE_VERSION) a newer version has written it;
//   DATA_LOSS (STORED_STATE_DAMAGED) the file itself is damaged, rather than one model's data;
//   UNAVAILABLE (STORAGE_FAILED) it can't be made, read or written, with the system's reason.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteStoreOptions& options);

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_SQLITE_STORE_H_
