// Where acknowledged changes go before they are acknowledged, and where they are found again.
//
// The models compute an update first and then append it to their journal; its answer leaves, and
// its parameters become visible to readers, when the journal calls back. Computing goes on
// meanwhile, so what has been appended while one commit ran can become the next. Now and then a
// checkpoint holds the whole state, and the journal before it goes. A model is recovered from its
// newest checkpoint (or, without one, its initial state) and the records after it.

#ifndef SERVER_STORE_STORE_H_
#define SERVER_STORE_STORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clock/duration_histogram.h"
#include "server/store/model_settings.h"
#include "server/store/records.h"

namespace descent::store {

// Callbacks are called once, on any thread, maybe inside the call they were given to, with no lock
// held; they must not block.

// OK: the change is as safe as the model's durability promises, and the value is the last step that
// a crash can no longer take back. An error: the change may be lost, and so will be every later one
// (see Store::status).
using OnStored = absl::AnyInvocable<void(absl::StatusOr<std::int64_t> durable_step) &&>;
// Makes a change visible to readers, its argument as OnStored's.
using Publish = absl::AnyInvocable<void(std::int64_t durable_step) &&>;
using OnSaved = absl::AnyInvocable<void(absl::StatusOr<CheckpointInfo>) &&>;
using OnListed = absl::AnyInvocable<void(absl::StatusOr<std::vector<CheckpointInfo>>) &&>;
using OnLoaded = absl::AnyInvocable<void(absl::StatusOr<LoadedCheckpoint>) &&>;

// What a store counts, for people to look at while it works. Numbers are read at any time, each for
// itself; those that rise do so from the store's opening on.

// Of one model's journal.
struct JournalNumbers {
  // Of the records after the newest checkpoint: what a recovery would have to apply.
  std::atomic<std::int64_t> journal_bytes = 0;
  std::atomic<std::int64_t> journal_updates = 0;
  // That checkpoint, and when it was taken, in seconds since 1970; 0: there is none.
  std::atomic<std::int64_t> checkpoint_step = 0;
  std::atomic<std::int64_t> checkpoint_time = 0;
};

// Of the store.
struct StoreNumbers {
  std::atomic<std::uint64_t> commits = 0;           // that changed something
  std::atomic<std::uint64_t> records = 0;           // of journals, in those
  std::atomic<std::uint64_t> checkpoints = 0;       // that became whole
  std::atomic<std::uint64_t> checkpoint_bytes = 0;  // of their numbers
  DurationHistogram commit_seconds;  // of those commits, from their first write to their last sync
  DurationHistogram sync_seconds;    // of the journal's log
};

// What a store takes now.
struct StoreUsage {
  std::int64_t database_bytes = 0;         // of the file
  std::int64_t write_ahead_log_bytes = 0;  // SQLite's
  std::int64_t journal_log_bytes = 0;      // the journal's log, both files
  std::int64_t free_bytes = 0;             // that the file system has left for it
  std::int64_t waiting_changes = 0;        // that no commit has taken yet
};

// The changes of one model. Calls come one at a time (status and WantsCheckpoint apart), maybe from
// a callback, and do not wait for the disk; their callbacks come in the order of the calls
// (SaveCheckpoint's apart), one when the one before has returned, unless that made the call. A
// journal may be destroyed while callbacks are outstanding: they still come.
class Journal {
 public:
  virtual ~Journal() = default;

  // With durability kCheckpoint nothing is kept, and the callback comes at once with the step of
  // the last whole checkpoint; with kMemory it comes at once with the record's step. A
  // SettingsUpdate that lowers the durability (from kJournal to kCheckpoint, from either to
  // kMemory) is kept as the higher one promises and counts for what is appended after it; with
  // kMemory, whatever was kept of the model is removed. For raising it see SaveCheckpoint.
  //
  // `publish` may be null. It is called once the change is stored, before `done` and before that of
  // every later change. Where later ones were stored with it only the last one's is called, so what
  // it shows has to show theirs too (except for a SettingsUpdate, whose own is always called); the
  // others are destroyed as soon as that is known, which lets go of what they hold.
  virtual void Append(UpdateRecord record, Publish publish, OnStored done) = 0;

  // Calls back after everything appended before.
  virtual void Sync(OnStored done) = 0;

  // Removes the model with everything that belongs to it; the last call. `request`: the call that
  // asked for it, remembered with the removal.
  virtual void Remove(std::optional<AnsweredRequest> request, OnStored done) = 0;

  // Whether changes of this model can be kept now, as Store::status says it. On any thread.
  virtual absl::Status status() const = 0;

  // Whether the store's policy of journal size and time asks for SaveCheckpoint now. Cheap, on any
  // thread.
  virtual bool WantsCheckpoint() const = 0;

  // Saves `image`, which is the state after everything appended so far, beside further commits in
  // pieces. `requested`: somebody asked for it, so it is kept until it is deleted; the others are
  // kept by the store's policy. Called back when the checkpoint is whole and durable; with
  // durability kCheckpoint the image's step is durable then. A checkpoint of the same step as a
  // listed one takes its place. When the image's settings raise the durability, what is appended
  // from now on is kept as they say, and the promise holds from the callback on.
  virtual void SaveCheckpoint(ModelImage image, bool requested, OnSaved done) = 0;

  // Null if nothing is kept of the model that could be counted. On any thread, and good for longer
  // than the journal.
  virtual std::shared_ptr<const JournalNumbers> numbers() const { return nullptr; }

  // Newest first.
  virtual void ListCheckpoints(OnListed done) = 0;

  // The listed checkpoint of that step, checked. NOT_FOUND (CHECKPOINT_NOT_FOUND), DATA_LOSS.
  virtual void LoadCheckpoint(std::int64_t step, OnLoaded done) = 0;
};

// A model that was in the store, to be recovered. Calls come one at a time and wait for the disk.
//
// Errors are DATA_LOSS (STORED_STATE_DAMAGED, naming what is damaged) and leave the rest of the
// store in order; others mean that the store can't be read now.
class StoredModel {
 public:
  virtual ~StoredModel() = default;

  virtual const std::string& name() const = 0;
  virtual absl::Time create_time() const = 0;

  // The state that the journal begins from: the newest checkpoint, its hash compared; without one,
  // the settings the model was made with, and the state's `parameters` are null.
  virtual absl::StatusOr<ModelImage> Base() = 0;

  // The state hash that the model had when it was made, if an engine of this version made it.
  virtual std::optional<std::uint64_t> InitialStateHash() const = 0;

  // The next records after the base, in order and without a gap; empty at the end. state_hash is
  // set only where an engine of this version wrote it, on whatever machine: the bits of another
  // version may differ.
  virtual absl::StatusOr<std::vector<UpdateRecord>> NextRecords() = 0;

  // How many of the records that NextRecords has returned came from another engine version, or from
  // a build of before that was recorded, so that their hashes are not there to be compared.
  virtual std::int64_t records_of_other_engines() const = 0;

  // The checkpoint that a RestoreUpdate names.
  virtual absl::StatusOr<ModelImage> Checkpoint(std::int64_t id) = 0;

  // What is left to read, in bytes, for progress.
  virtual std::int64_t remaining_bytes() const = 0;

  // The journal that goes on after the last record, and of a damaged model the one to remove it
  // by. Called once, last.
  virtual std::unique_ptr<Journal> TakeJournal() = 0;
};

// A copy of the whole store at one moment, being read. Calls wait for the disk.
class Backup {
 public:
  virtual ~Backup() = default;
  virtual std::int64_t size_bytes() const = 0;
  // The next bytes, at most `most`; empty at the end.
  virtual absl::StatusOr<std::string> Read(std::size_t most) = 0;
};
using OnBackup = absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<Backup>>) &&>;

// Thread-safe. Outlives its journals' calls; its destructor finishes what was asked before.
class Store {
 public:
  virtual ~Store() = default;

  using OnCreated = absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<Journal>>) &&>;

  // Adds a model under a name that no other model has; calls back as OnStored does. It is at the
  // answer's step: at 0, where its settings lead to, or, with durability kMemory, at any. With
  // durability kMemory nothing is kept of it. `answer` is remembered with the creation if it has a
  // request id.
  virtual void CreateModel(const ModelSettings& settings, const ModelAnswer& answer,
                           std::optional<AnsweredRequest> request, OnCreated done) = 0;

  // The models that were there when the store was opened, by name. Called once, first.
  virtual std::vector<std::unique_ptr<StoredModel>> TakeStoredModels() = 0;

  // One model as it is in the file now: the way back after a failure that has passed. Its journal
  // from before must be gone. Waits for the disk. NOT_FOUND.
  virtual absl::StatusOr<std::unique_ptr<StoredModel>> Find(const std::string& name) = 0;

  // Answers to CreateModel and DeleteModel that are remembered, oldest first.
  virtual absl::StatusOr<std::vector<RememberedAnswer>> RegistryAnswers() = 0;

  // OK while changes can be kept. RESOURCE_EXHAUSTED (STORAGE_FULL) while the disk is full: the
  // store looks every second or so whether there is room again, and is OK then. UNAVAILABLE
  // (STORAGE_FAILED) once a write or fsync has failed: until the process is started again, since
  // nothing may be acknowledged on a retry of a failed fsync. Every change fails meanwhile, and
  // models with changes that failed have to be recovered (see Find) before their next change.
  virtual absl::Status status() const = 0;

  // A consistent copy of everything committed when it is called back, made beside further commits;
  // a file that can be opened as a store. UNIMPLEMENTED (NO_STORAGE) for a store without files.
  virtual void MakeBackup(OnBackup done) = 0;

  // Null, and nothing, of a store without files.
  virtual std::shared_ptr<const StoreNumbers> numbers() const { return nullptr; }
  virtual StoreUsage Usage() const { return {}; }

  // Called with the new status() whenever it changes, on any thread. Set once, first.
  using OnStatus = absl::AnyInvocable<void(const absl::Status&)>;
  virtual void NotifyStatus(OnStatus on_status) = 0;
};

}  // namespace descent::store

#endif  // SERVER_STORE_STORE_H_
