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

// What one commit takes of the queue, so that none lasts long.
constexpr std::size_t kMostBatchBytes = std::size_t{8} << 20;
// Where streams send more updates than one commit after the other can make last, a commit costs
// less of two processors' time when it waits for some more of them: behind a commit of many, at
// most so long, until they are enough. Nobody waits for an update of a stream before sending the
// next.
constexpr std::size_t kManyUpdates = 4;
constexpr std::size_t kEnoughUpdates = 128;
constexpr std::size_t kEnoughBytes = std::size_t{1} << 20;
constexpr absl::Duration kWaitForMore = absl::Microseconds(500);
// Of the journal's log in one transaction.
constexpr std::int64_t kMovedAtOnce = std::int64_t{4} << 20;
// SQLite's log is moved into the database when it has so many pages: 256 MiB. Pages that were
// written several times until then are moved once; a longer log would make the commit behind that
// wait longer.
constexpr int kMostLogPages = 4096;
// And when nothing has been written for so long.
constexpr absl::Duration kIdle = absl::Seconds(1);
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

int CountLogPages(void* pages, sqlite3* /*database*/, const char* /*name*/, int count) {
  *static_cast<int*>(pages) = count;
  return SQLITE_OK;
}

// Moves the log's pages into the database and syncs it. `mode`: SQLITE_CHECKPOINT_PASSIVE, which
// leaves the file for the next commits to go over, or SQLITE_CHECKPOINT_TRUNCATE.
absl::Status MoveLog(Connection* connection, int mode) {
  const int code = sqlite3_wal_checkpoint_v2(connection->get(), nullptr, mode, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : connection->ErrorOf(code);
}

}  // namespace

StoreThread::StoreThread(std::unique_ptr<StoreParts> parts)
    : parts_(std::move(parts)),
      backup_(parts_.get()),
      status_(parts_->status),
      healthy_(status_.ok()),
      last_work_(SteadyNow()),
      next_look_for_room_(last_work_ + kLookForRoomInterval),
      last_look_for_files_(last_work_),
      next_move_(last_work_) {
  sqlite3_wal_hook(parts_->connection->get(), CountLogPages, &log_pages_);
  thread_ = std::thread([this] {
    NameThisThread("store");
    Main();
  });
}

StoreThread::~StoreThread() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    work_.Signal();
  }
  thread_.join();
}

void StoreThread::Push(std::unique_ptr<Operation> operation) {
  if (operation->model() != nullptr) ++operation->model()->outstanding;
  if (queue_.empty()) work_.Signal();
  if (queue_.empty() || queue_.back().bytes >= kMostBatchBytes) {
    queue_.emplace_back().number = ++batches_;
  }
  QueuedBatch& last = queue_.back();
  // Somebody may be waiting for more (WaitForMore), and this be enough.
  if (last.is_of_streams && !operation->is_of_stream()) {
    last.is_of_streams = false;
    work_.Signal();
  }
  last.bytes += operation->bytes();
  last.operations.push_back(std::move(operation));
  if (last.operations.size() == kEnoughUpdates) work_.Signal();
}

void StoreThread::Enqueue(std::unique_ptr<Operation> operation) {
  const absl::MutexLock lock(&mutex_);
  Push(std::move(operation));
}

void StoreThread::Append(std::unique_ptr<AppendOperation> operation) {
  KeptModel* const model = operation->model();
  AppendOperation* const change = operation.get();
  Publish superseded;  // destroyed behind the lock
  const absl::MutexLock lock(&mutex_);
  Push(std::move(operation));
  const bool shares = model->publisher_batch == queue_.back().number;
  if (shares && model->publisher->PublishInstead(change, &superseded)) return;
  model->publisher = change;
  model->publisher_batch = queue_.back().number;
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
  Batch batch;
  while (Wait(&batch)) {
    Commit(batch);
    last_batch_ = batch.size();
    FinishAll(std::exchange(batch, {}));
    WorkInBackground();
    if (!parts_->checkpoint_loader.empty()) {
      const std::shared_ptr<KeptModel> loaded =
          parts_->checkpoint_loader.ReadSome(&parts_->checkpoints);
      if (loaded != nullptr) FinishWaiting(loaded.get());
    }
    backup_.Step();
    LookForRoom();
    LookForFiles();
    MoveLogIfDue();
  }
  closing_ = true;
  WorkInBackground();
  // What does not work here is done when the store is opened.
  if (parts_->status.ok() && !Close().ok()) RollBack();
}

absl::Status StoreThread::Close() {
  RETURN_IF_ERROR(MoveJournalLog());
  // Damaged rows stay where they are, and so does the log that they are in.
  if (!parts_->log->empty()) return EmptyLog(parts_->connection);
  // In this order: the database no longer says that it needs logs, and then they go.
  RETURN_IF_ERROR(MarkLive(parts_->connection, false));
  RETURN_IF_ERROR(EmptyLog(parts_->connection));
  RETURN_IF_ERROR(parts_->log->Remove());
  sqlite3_db_config(parts_->connection->get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  return absl::OkStatus();
}

absl::Status StoreThread::BecomeLive(Connection* connection) {
  RETURN_IF_ERROR(MarkLive(connection, true));
  return EmptyLog(connection);
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
    next = std::min(last_look_for_files_ + kLookForFilesInterval, parts_->history_writer.due());
    if (log_pages_ > 0) next = std::min(next, std::max(last_work_ + kIdle, next_move_));
  } else if (absl::IsResourceExhausted(parts_->status)) {
    next = std::min(next, next_look_for_room_);
  }
  return std::max(absl::ZeroDuration(), next - now);
}

bool StoreThread::Wait(Batch* batch) {
  const bool busy = HasBackgroundWork();
  const bool must_go_on =
      !parts_->checkpoint_writer.empty() || !parts_->checkpoint_loader.empty() || !backup_.empty();
  const absl::Duration time = busy ? absl::ZeroDuration() : TimeToWait();
  const absl::MutexLock lock(&mutex_);
  const absl::Time deadline = SteadyNow() + time;
  while (queue_.empty() && !stopping_ && !busy) {
    if (work_.WaitUntil(&mutex_, deadline)) break;
  }
  if (!busy) WaitForMore();
  batch_bytes_ = 0;
  if (!queue_.empty()) {
    *batch = std::move(queue_.front().operations);
    batch_bytes_ = static_cast<std::int64_t>(queue_.front().bytes);
    queue_.pop_front();
  }
  return !batch->empty() || !stopping_ || must_go_on;
}

void StoreThread::WaitForMore() {
  if (last_batch_ < kManyUpdates) return;
  const absl::Time deadline = SteadyNow() + kWaitForMore;
  while (queue_.size() == 1 && queue_.front().is_of_streams && !stopping_ &&
         queue_.front().operations.size() < kEnoughUpdates && queue_.front().bytes < kEnoughBytes) {
    if (work_.WaitUntil(&mutex_, deadline)) return;
  }
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
  parts_->history_writer.Finished();
  moved_rows_.clear();
}

absl::Status StoreThread::ApplyAll(const Batch& batch) {
  for (const auto& operation : batch) {
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

void StoreThread::Commit(const Batch& batch) {
  StoreParts& parts = *parts_;
  absl::Status outcome = parts.status;
  if (outcome.ok()) {
    outcome = ApplyAll(batch);
    if (outcome.ok()) outcome = WriteRows();
    const bool uses_database = in_transaction_;
    if (outcome.ok()) outcome = EndTransaction();
    // Nothing is acknowledged that was written into a file which has been deleted.
    if (outcome.ok()) outcome = CheckFiles(uses_database);
    if (outcome.ok()) {
      last_work_ = SteadyNow();
      parts.journal_writer.Committed();
    } else {
      RollBack();
      Fail(outcome);
      outcome = parts.status;
    }
  }
  if (outcome.ok()) return;
  for (const auto& operation : batch) {
    KeptModel* model = operation->model();
    if (operation->changes() && model != nullptr && model->failure.ok()) model->Fail(outcome);
  }
}

absl::Status StoreThread::ApplyBackground() {
  StoreParts& parts = *parts_;
  if (!parts.checkpoint_writer.empty()) {
    RETURN_IF_ERROR(Begin());
    RETURN_IF_ERROR(parts.checkpoint_writer.Apply(&parts));
  }
  const absl::Time now = SteadyNow();
  if (parts.history_writer.due() <= (closing_ ? absl::InfiniteFuture() : now)) {
    RETURN_IF_ERROR(Begin());
    RETURN_IF_ERROR(parts.history_writer.Apply(&parts.history, now, &parts.trash));
  }
  if (!parts.trash.empty()) {
    RETURN_IF_ERROR(Begin());
    RETURN_IF_ERROR(
        parts.trash.Apply(&parts.journal, &parts.checkpoints, &parts.history, batch_bytes_));
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
  last_work_ = SteadyNow();
  for (const std::int64_t id : std::exchange(moved_rows_, {})) parts.log->Release(id);
  parts.trash.Committed();
  parts.history_writer.Finished();
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

void StoreThread::FinishAll(Batch batch) {
  for (auto& operation : batch) {
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
  if (!model->loading) --model->outstanding;
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
  // The log first: behind its last commit may be frames of the one that failed, and they must not
  // be found behind later commits (see wal_check.h).
  RETURN_IF_ERROR(EmptyLog(parts_->connection));
  log_pages_ = 0;
  RETURN_IF_ERROR(parts_->log->MakeLast());
  RETURN_IF_ERROR(BecomeLive(parts_->connection));
  const std::string probe(kProbeBytes, '\0');
  RETURN_IF_ERROR(parts_->checkpoints.DeletePieces(0, 1).status());
  RETURN_IF_ERROR(parts_->checkpoints.InsertPiece(0, 0, probe));
  return parts_->checkpoints.DeletePieces(0, 1).status();
}

void StoreThread::MoveLogIfDue() {
  if (!parts_->status.ok() || log_pages_ == 0) return;
  const absl::Time now = SteadyNow();
  const bool due = log_pages_ >= kMostLogPages || now - last_work_ >= kIdle;
  if (!due || now < next_move_) return;
  const absl::Status moved = MoveLog(parts_->connection, SQLITE_CHECKPOINT_PASSIVE);
  if (moved.ok()) {
    log_pages_ = 0;
    return;
  }
  if (!absl::IsResourceExhausted(moved)) {
    Fail(moved);
    return;
  }
  // The database can't grow, but all is in the log: commits go on while that can.
  next_move_ = now + kLookForRoomInterval;
}

absl::Status StoreThread::EmptyLog(Connection* connection) {
  return MoveLog(connection, SQLITE_CHECKPOINT_TRUNCATE);
}

}  // namespace descent::store
