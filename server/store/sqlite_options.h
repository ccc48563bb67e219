// How the store in a SQLite file is opened.

#ifndef SERVER_STORE_SQLITE_OPTIONS_H_
#define SERVER_STORE_SQLITE_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "core/engine_version.h"

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
  // It asks for one too when there are changes and the last checkpoint is this old. Default 5
  // minutes: recovery repeats at most so much computing for each model. With durability CHECKPOINT
  // it is what a crash may take.
  absl::Duration checkpoint_interval = absl::Minutes(5);
  // Checkpoints kept that nobody asked for. Default 2, at least 1: the newest is what recovery
  // starts from, older ones are there to go back to. Each costs parameters and optimizer state.
  int kept_checkpoints = 2;

  // How many answers to CreateModel and DeleteModel are remembered, and for how long: as
  // ModelsOptions::request_window and request_window_age.
  int request_window = 1024;
  absl::Duration request_window_age = absl::Minutes(10);

  // About the size of each of the two files of the journal's log; commits larger than a quarter of
  // it are not written there. Default 96 MiB: a model that is trained without pause is saved, which
  // makes the rows of one file superfluous, before three quarters of the other are full, when rows
  // begin to be moved.
  std::int64_t journal_log_bytes = std::int64_t{96} << 20;

  // Opens a store without changing anything of it, and keeps nothing: every change fails. What a
  // crash has left in the log is read and stays there.
  bool read_only = false;

  // Opens a database whose logs have gone with what it holds by itself, rather than refuse it.
  bool accept_missing_logs = false;

  // SQLite's file system; null: the platform's. For tests.
  const char* vfs = nullptr;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_OPTIONS_H_
