// Writes checkpoints, one after another, in pieces beside the commits.

#ifndef SERVER_STORE_SQLITE_CHECKPOINT_WRITER_H_
#define SERVER_STORE_SQLITE_CHECKPOINT_WRITER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/state_hash.h"
#include "server/store/records.h"
#include "server/store/sqlite/kept_model.h"
#include "server/store/sqlite/retention.h"
#include "server/store/store.h"

namespace descent::store {

struct StoreTables;

// A checkpoint that was asked for.
struct CheckpointJob {
  std::shared_ptr<KeptModel> model;
  ModelImage image;
  std::int64_t position = 0;  // of the last record that the image includes
  absl::Time create_time;
  bool requested = false;
  bool raises_durability = false;
  OnSaved done;
};

// A checkpoint goes through many transactions, one piece of its numbers in each, so that no update
// waits for more than a piece. The first job is in one of three states:
//
//   waiting   nothing is in the file. No progress_.
//   begun     pieces are in the file, under an id that no row of `checkpoints` has: a crash leaves
//             them to be thrown away at the next start. progress_ says how far it is.
//   whole     this transaction has written the row too, which makes it a checkpoint, and what that
//             changes of the model's others. completion_ is there from Apply to Committed, for what
//             is in memory follows only when the transaction is committed.
//
// A transaction that fails is the end of the store's writing (see StoreThread::Fail), so none is
// ever tried again from here: Fail gives up all jobs. Used by the store's thread.
class CheckpointWriter {
 public:
  void Add(CheckpointJob job) { jobs_.push_back(std::move(job)); }
  bool empty() const { return jobs_.empty(); }

  // Writes the next piece within a transaction, and after the last one the checkpoint's row. Calls
  // back for jobs of models that have failed or are gone.
  absl::Status Apply(StoreTables* tables);
  // After the transaction: if the checkpoint is whole, calls back and goes on to the next.
  void Committed(StoreTables* tables);
  // Nothing more can be written: calls back for all.
  void Fail(const absl::Status& status, StoreTables* tables);

  // The file has nothing of the model any more, as of this transaction: a checkpoint of it that is
  // begun starts again, under the id that the model will have next.
  void Restart(KeptModel* model, StoreTables* tables);

 private:
  struct Progress {
    explicit Progress(const CheckpointRow& unfinished) : row(unfinished) {}

    CheckpointRow row;  // its hash, and what Complete decides, are still to come
    StateHasher hasher;
    std::int64_t written = 0;  // bytes, those of this transaction included

    bool has_all() const { return written == row.size_bytes; }
  };
  struct Completion {
    Retention retention;      // of the model's checkpoints, this one among them
    bool adds_model = false;  // the table `models` has it from now on
  };

  void DropLostJobs(StoreTables* tables);
  void Begin(StoreTables* tables);
  absl::Status WritePiece(StoreTables* tables);
  absl::StatusOr<Completion> Complete(StoreTables* tables);
  // Takes the checkpoint of the same step, if there is one, off the list.
  absl::Status TakePlaceOfSameStep(std::vector<CheckpointRow>* others, StoreTables* tables);

  // What the pieces of a checkpoint that will not be whole become.
  void ThrowAwayPieces(StoreTables* tables);
  // Ends the first job.
  void Finish(absl::StatusOr<CheckpointInfo> outcome);

  std::deque<CheckpointJob> jobs_;
  // How far the first job is.
  std::unique_ptr<Progress> progress_;
  std::optional<Completion> completion_;
  std::string piece_;  // reused
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_CHECKPOINT_WRITER_H_
