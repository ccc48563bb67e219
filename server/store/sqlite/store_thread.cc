#include "server/store/sqlite/store_thread.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "clock/steady.h"
#include "core/status_macros.h"
#include "core/thread_name.h"
#include "server/store/errors.h"
#include "server/store/tables/schema.h"

namespace descent::store {
namespace {

// What is moved out of the journal's log in one transaction.
constexpr std::int64_t kMovedAtOnce = std::int64_t{4} << 20;
constexpr absl::Duration kLookForRoomInterval = absl::Seconds(1);
// Whether the files are still there is seen with the next commit; where there is none, so often.
constexpr absl::Duration kLookForFilesInterval = absl::Milliseconds(500);
// A commit to the journal's log looks for that file alone when the others were there so lately.
constexpr absl::Duration kTrustFiles = absl::Milliseconds(10);
// Room that a full disk must have again: for one commit of the usual size.
constexpr int kProbeBytes = 4 << 20;

class TaskOperation final : public Operation {
 public:
  explicit TaskOperation(StoreThread::Task task) : Operation(nullptr), task_(std::move(task)) {}

  bool changes() const override { return false; }
  void Finish(const absl::Status& /*outcome*/, StoreParts* parts) override {
    std::move(task_)(parts);
  }

 private:
  StoreThread::Task task_;
};

}  // namespace

StoreThread::StoreThread(std::unique_ptr<StoreParts> parts)
    : parts_(std::move(parts)),
      backup_(parts_.get()),
      write_ahead_log_(parts_->connection),
      status_(parts_->status),
      healthy_(status_.ok()),
      last_commit_(SteadyNow()),
      next_look_for_room_(last_commit_ + kLookForRoomInterval),
      last_look_for_files_(last_commit_) {
  thread_ = std::thread([this] {
    NameThisThread("store");
    Main();
  });
}

StoreThread::~StoreThread() {
  queue_.Stop();
  thread_.join();
}

void StoreThread::Post(Task task) { Enqueue(std::make_unique<TaskOperation>(std::move(task))); }

void StoreThread::Run(absl::FunctionRef<void(StoreParts*)> task) {
  absl::Notification done;
  Post([&](StoreParts* parts) {
    task(parts);
    done.Notify();
  });
  done.WaitForNotification();
}

void StoreThread::MakeBackup(OnBackup done) {
  Post([this, done = std::move(done)](StoreParts* /*parts*/) mutable {
    backup_.Add(std::move(done));
  });
}

absl::Status StoreThread::status() const {
  const absl::MutexLock lock(&mutex_);
  return status_;
}

void StoreThread::NotifyStatus(Store::OnStatus on_status) {
  const absl::MutexLock lock(&mutex_);
  on_status_ = std::move(on_status);
}

void StoreThread::Main() {
  Operations operations;
  while (Wait(&operations)) {
    Commit(operations);
    FinishAll(std::exchange(operations, {}));
    WorkInBackground();
    LoadCheckpoints();
    backup_.Step();
    LookForRoom();
    LookForFiles();
    if (parts_->status.ok()) {
      const absl::Status moved = write_ahead_log_.MoveIfDue(last_commit_);
      if (!moved.ok()) Fail(moved);
    }
  }
  WorkInBackground();
  // What does not work here is done when the store is opened.
  if (parts_->status.ok() && !Close().ok()) RollBack();
}

absl::Status StoreThread::Close() {
  RETURN_IF_ERROR(MoveJournalLog());
  // Damaged rows stay where they are, and so does the log that they are in.
  if (!parts_->log->empty()) return write_ahead_log_.Empty();
  // In this order: the database no longer says that it needs logs, and then they go.
  RETURN_IF_ERROR(MarkLive(parts_->connection, false));
  RETURN_IF_ERROR(write_ahead_log_.Empty());
  RETURN_IF_ERROR(parts_->log->Remove());
  sqlite3_db_config(parts_->connection->get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  return absl::OkStatus();
}

absl::Status StoreThread::BecomeLive(Connection* connection) {
  RETURN_IF_ERROR(MarkLive(connection, true));
  return WriteAheadLog::Empty(connection);
}

bool StoreThread::HasBackgroundWork() const {
  if (!parts_->checkpoint_loader.empty() || !backup_.empty()) return true;
  return parts_->status.ok() && (!parts_->checkpoint_writer.empty() || !parts_->trash.empty() ||
                                 parts_->log->wants_moving());
}

absl::Duration StoreThread::TimeToWait() const {
  const absl::Time now = SteadyNow();
  absl::Time next = absl::InfiniteFuture();
  if (parts_->status.ok()) {
    next =
        std::min(last_look_for_files_ + kLookForFilesInterval, write_ahead_log_.due(last_commit_));
  } else if (absl::IsResourceExhausted(parts_->status)) {
    next = std::min(next, next_look_for_room_);
  }
  return std::max(absl::ZeroDuration(), next - now);
}

bool StoreThread::Wait(Operations* operations) {
  CommitQueue::Batch batch = HasBackgroundWork() ? queue_.TakeNow() : queue_.Take(TimeToWait());
  committed_bytes_ = static_cast<std::int64_t>(batch.bytes);
  *operations = std::move(batch.operations);
  // Who waits for a checkpoint or a backup is answered before the end.
  const bool must_go_on =
      !parts_->checkpoint_writer.empty() || !parts_->checkpoint_loader.empty() || !backup_.empty();
  return !operations->empty() || !batch.is_stopped || must_go_on;
}

absl::Status StoreThread::Begin() {
  if (in_transaction_) return absl::OkStatus();
  RETURN_IF_ERROR(parts_->connection->Execute("BEGIN"));
  in_transaction_ = true;
  return parts_->WriteBuild();
}

absl::Status StoreThread::EndTransaction() {
  if (!in_transaction_) return absl::OkStatus();
  RETURN_IF_ERROR(parts_->connection->Execute("COMMIT"));
  in_transaction_ = false;
  parts_->build_is_known = true;
  return absl::OkStatus();
}

void StoreThread::RollBack() {
  in_transaction_ = false;
  if (sqlite3_get_autocommit(parts_->connection->get()) == 0) {
    (void)parts_->connection->Execute("ROLLBACK");
  }
  parts_->journal_writer.RolledBack();
  parts_->trash.RolledBack();
  moved_rows_.clear();
}

absl::Status StoreThread::ApplyAll(const Operations& operations) {
  for (const auto& operation : operations) {
    const KeptModel* model = operation->model();
    if (!operation->changes() || (model != nullptr && !model->failure.ok())) continue;
    // A row names its build, which the database has to know before.
    if (!operation->only_appends() || !parts_->build_is_known) RETURN_IF_ERROR(Begin());
    RETURN_IF_ERROR(operation->Apply(parts_.get()));
  }
  return absl::OkStatus();
}

absl::Status StoreThread::WriteRows() {
  StoreParts& parts = *parts_;
  if (parts.journal_writer.empty()) return absl::OkStatus();
  if (!in_transaction_) {
    ASSIGN_OR_RETURN(const bool committed, parts.journal_writer.Commit(parts.log, parts.build_id));
    if (committed) return absl::OkStatus();
    RETURN_IF_ERROR(Begin());
  }
  return parts.journal_writer.Write(&parts.journal, parts.build_id);
}

void StoreThread::Commit(const Operations& operations) {
  StoreParts& parts = *parts_;
  absl::Status outcome = parts.status;
  if (outcome.ok()) {
    const absl::Time start = SteadyNow();
    outcome = ApplyAll(operations);
    const std::int64_t records = parts.journal_writer.records();
    if (outcome.ok()) outcome = WriteRows();
    const bool uses_database = in_transaction_;
    if (outcome.ok()) outcome = EndTransaction();
    // Nothing is acknowledged that was written into a file which has been deleted.
    if (outcome.ok()) outcome = CheckFiles(uses_database);
    if (outcome.ok()) {
      last_commit_ = SteadyNow();
      if (uses_database || records > 0) Count(records, last_commit_ - start);
      parts.journal_writer.Committed();
    } else {
      RollBack();
      Fail(outcome);
      outcome = parts.status;
    }
  }
  if (outcome.ok()) return;
  for (const auto& operation : operations) {
    KeptModel* model = operation->model();
    if (operation->changes() && model != nullptr && model->failure.ok()) model->Fail(outcome);
  }
}

void StoreThread::Count(std::int64_t records, absl::Duration duration) {
  ++parts_->numbers->commits;
  parts_->numbers->records += static_cast<std::uint64_t>(records);
  parts_->numbers->commit_seconds.Add(duration);
}

absl::Status StoreThread::ApplyBackground() {
  StoreParts& parts = *parts_;
  if (!parts.checkpoint_writer.empty()) {
    RETURN_IF_ERROR(Begin());
    RETURN_IF_ERROR(parts.checkpoint_writer.Apply(&parts));
  }
  if (!parts.trash.empty()) {
    RETURN_IF_ERROR(Begin());
    RETURN_IF_ERROR(parts.trash.Apply(&parts.journal, &parts.checkpoints, committed_bytes_));
  }
  if (parts.log->wants_moving()) {
    RETURN_IF_ERROR(Begin());
    ASSIGN_OR_RETURN(moved_rows_, parts.MoveRows(parts.log->RowsToMove(kMovedAtOnce)));
  }
  return absl::OkStatus();
}

void StoreThread::WorkInBackground() {
  StoreParts& parts = *parts_;
  if (!parts.status.ok()) return;
  absl::Status outcome = ApplyBackground();
  if (outcome.ok() && !in_transaction_) return;
  if (outcome.ok()) outcome = EndTransaction();
  if (outcome.ok()) outcome = CheckFiles(/*uses_database=*/true);
  if (!outcome.ok()) {
    RollBack();
    Fail(outcome);
    return;
  }
  last_commit_ = SteadyNow();
  for (const std::int64_t id : std::exchange(moved_rows_, {})) parts.log->Release(id);
  parts.trash.Committed();
  parts.checkpoint_writer.Committed(&parts);
}

absl::Status StoreThread::MoveJournalLog() {
  while (true) {
    const std::vector<JournalRow> rows = parts_->log->ReadableRows(kMovedAtOnce);
    if (rows.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(Begin());
    ASSIGN_OR_RETURN(const std::vector<std::int64_t> moved, parts_->MoveRows(rows));
    RETURN_IF_ERROR(EndTransaction());
    for (const std::int64_t id : moved) parts_->log->Release(id);
  }
}

void StoreThread::LoadCheckpoints() {
  if (parts_->checkpoint_loader.empty()) return;
  const std::shared_ptr<KeptModel> loaded =
      parts_->checkpoint_loader.ReadSome(&parts_->checkpoints);
  if (loaded != nullptr) FinishWaiting(loaded.get());
}

void StoreThread::FinishAll(Operations operations) {
  for (auto& operation : operations) {
    const KeptModel* model = operation->model();
    FinishOne(std::move(operation), model != nullptr ? model->failure : absl::OkStatus());
  }
}

void StoreThread::FinishOne(std::unique_ptr<Operation> operation, const absl::Status& outcome) {
  const std::shared_ptr<KeptModel> model = operation->shared_model();
  if (model == nullptr) {
    operation->Finish(outcome, parts_.get());
    return;
  }
  if (model->loading) {
    model->waiting.emplace_back(std::move(operation), outcome);
    return;
  }
  operation->Finish(outcome, parts_.get());
  operation.reset();
  // A checkpoint that is being loaded has not called back yet.
  if (!model->loading) --model->shared.outstanding;
}

void StoreThread::FinishWaiting(KeptModel* model) {
  while (!model->loading && !model->waiting.empty()) {
    auto [operation, outcome] = std::move(model->waiting.front());
    model->waiting.pop_front();
    FinishOne(std::move(operation), outcome);
  }
}

void StoreThread::Fail(const absl::Status& error) {
  if (absl::IsResourceExhausted(error)) {
    next_look_for_room_ = SteadyNow() + kLookForRoomInterval;
    SetStatus(error);
  } else {
    // Whatever it was, what is on the disk is not known any more. Not even closing may write.
    sqlite3_db_config(parts_->connection->get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    SetStatus(absl::IsUnavailable(error) ? error : StorageFailed(absl::StrCat(error.message())));
  }
  parts_->checkpoint_writer.Fail(parts_->status, parts_.get());
}

void StoreThread::SetStatus(const absl::Status& status) {
  parts_->status = status;
  healthy_ = status.ok();
  Store::OnStatus notify;
  {
    const absl::MutexLock lock(&mutex_);
    status_ = status;
    notify = std::move(on_status_);
  }
  if (!notify) return;
  notify(status);
  const absl::MutexLock lock(&mutex_);
  on_status_ = std::move(notify);
}

absl::Status StoreThread::CheckFiles(bool uses_database) {
  if (!uses_database && SteadyNow() < last_look_for_files_ + kTrustFiles) {
    return parts_->log->CheckLastFile();
  }
  last_look_for_files_ = SteadyNow();
  return parts_->CheckFiles();
}

void StoreThread::LookForFiles() {
  if (!parts_->status.ok() || SteadyNow() < last_look_for_files_ + kLookForFilesInterval) return;
  if (const absl::Status gone = CheckFiles(/*uses_database=*/true); !gone.ok()) Fail(gone);
}

void StoreThread::LookForRoom() {
  if (!absl::IsResourceExhausted(parts_->status) || SteadyNow() < next_look_for_room_) return;
  const absl::Status room = TryRoom();
  if (room.ok()) {
    SetStatus(absl::OkStatus());
    return;
  }
  RollBack();
  if (absl::IsResourceExhausted(room)) {
    next_look_for_room_ = SteadyNow() + kLookForRoomInterval;
  } else {
    Fail(room);
  }
}

absl::Status StoreThread::TryRoom() {
  // The write-ahead log first: after its last commit may be frames of the one that failed, and they
  // must not be found after later commits (see wal_check.h).
  RETURN_IF_ERROR(write_ahead_log_.Empty());
  RETURN_IF_ERROR(parts_->log->MakeDurable());
  RETURN_IF_ERROR(BecomeLive(parts_->connection));
  const std::string probe(kProbeBytes, '\0');
  RETURN_IF_ERROR(parts_->checkpoints.DeletePieces(0, 1).status());
  RETURN_IF_ERROR(parts_->checkpoints.InsertPiece(0, 0, probe));
  return parts_->checkpoints.DeletePieces(0, 1).status();
}

}  // namespace descent::store
