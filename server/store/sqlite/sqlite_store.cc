#include "server/store/sqlite/sqlite_store.h"

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/files/directory_lock.h"
#include "server/store/files/vfs_file.h"
#include "server/store/format/settings_json.h"
#include "server/store/log/journal_log.h"
#include "server/store/opening/files_check.h"
#include "server/store/opening/wal_check.h"
#include "server/store/sqlite/found_models.h"
#include "server/store/sqlite/sqlite_backup.h"
#include "server/store/sqlite/sqlite_journal.h"
#include "server/store/sqlite/store_parts.h"
#include "server/store/sqlite/store_thread.h"
#include "server/store/sqlite/stored_model.h"
#include "server/store/sqlite/write_ahead_log.h"
#include "server/store/tables/schema.h"
#include "server/store/tables/sqlite_connection.h"

namespace descent::store {
namespace {

class CreateOperation final : public Operation {
 public:
  CreateOperation(StoreThread* thread, std::shared_ptr<KeptModel> model,
                  const SqliteJournal::Start& start, std::optional<RememberedAnswer> answer,
                  Store::OnCreated done)
      : Operation(std::move(model)),
        thread_(thread),
        start_(start),
        answer_(std::move(answer)),
        done_(std::move(done)) {}

  absl::Status Apply(StoreParts* parts) override {
    parts->EnsureId(model());
    model()->row.build_id = parts->build_id;
    RETURN_IF_ERROR(parts->models.Insert(model()->row));
    if (!answer_.has_value()) return absl::OkStatus();
    return parts->requests.Insert(*answer_, parts->options.request_window,
                                  answer_->time - parts->options.request_window_age);
  }

  void Finish(const absl::Status& outcome, StoreParts* /*parts*/) override {
    if (!outcome.ok()) {
      std::move(done_)(outcome);
      return;
    }
    model()->kept = true;
    std::move(done_)(std::make_unique<SqliteJournal>(thread_, shared_model(), start_));
  }

 private:
  StoreThread* const thread_;
  const SqliteJournal::Start start_;
  const std::optional<RememberedAnswer> answer_;
  Store::OnCreated done_;
};

// 0 if there is no such file.
std::int64_t SizeOf(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<std::int64_t>(size);
}

class SqliteStore final : public Store {
 public:
  // The order of destruction matters: the thread ends, then the database is closed, then the
  // directory is free.
  SqliteStore(const SqliteStoreOptions& options, DirectoryLock lock)
      : options_(options), lock_(std::move(lock)) {}

  absl::Status Open();

  void CreateModel(const ModelSettings& settings, const ModelAnswer& answer,
                   std::optional<AnsweredRequest> request, OnCreated done) override;
  std::vector<std::unique_ptr<StoredModel>> TakeStoredModels() override;
  absl::StatusOr<std::unique_ptr<StoredModel>> Find(const std::string& name) override;
  absl::StatusOr<std::vector<RememberedAnswer>> RegistryAnswers() override;
  absl::Status status() const override { return thread_->status(); }
  void MakeBackup(OnBackup done) override { thread_->MakeBackup(std::move(done)); }
  void NotifyStatus(OnStatus on_status) override { thread_->NotifyStatus(std::move(on_status)); }
  std::shared_ptr<const StoreNumbers> numbers() const override { return numbers_; }
  StoreUsage Usage() const override;

 private:
  const SqliteStoreOptions options_;
  const DirectoryLock lock_;
  const std::shared_ptr<StoreNumbers> numbers_ = std::make_shared<StoreNumbers>();
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JournalLog> log_;
  std::unique_ptr<StoreThread> thread_;
  std::vector<FoundModel> found_;  // until they are taken
};

absl::Status SqliteStore::Open() {
  sqlite3_vfs* vfs = sqlite3_vfs_find(options_.vfs);
  if (vfs == nullptr) return StorageFailed("SQLite has no such file system");
  ASSIGN_OR_RETURN(const std::string path, FullPath(vfs, DatabasePath(options_)));
  RETURN_IF_ERROR(CheckWal(vfs, path));
  ASSIGN_OR_RETURN(const bool has_logs,
                   CheckFiles(vfs, options_.directory, path, options_.accept_missing_logs));
  if (!options_.read_only) RETURN_IF_ERROR(JournalLog::MakeFirst(vfs, options_.directory));
  ASSIGN_OR_RETURN(log_, JournalLog::Open({.vfs = vfs,
                                           .directory = options_.directory,
                                           .file_bytes = options_.journal_log_bytes,
                                           .read_only = options_.read_only,
                                           .is_needed = has_logs,
                                           .syncs = &numbers_->sync_seconds}));
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  if (!options_.read_only) flags |= SQLITE_OPEN_CREATE;
  ASSIGN_OR_RETURN(connection_, Connection::Open(path, flags, options_.vfs));
  // The write-ahead log stays where it is, whatever comes, unless the store is closed in order.
  sqlite3_db_config(connection_->get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  RETURN_IF_ERROR(PrepareDatabase(connection_.get(), options_.read_only));
  if (!options_.read_only) RETURN_IF_ERROR(lock_.SyncDirectory());

  auto parts = std::make_unique<StoreParts>(options_, connection_.get(), log_.get());
  parts->numbers = numbers_;
  RETURN_IF_ERROR(parts->Load());
  ASSIGN_OR_RETURN(FoundModels found, FindModels(parts.get()));
  if (options_.read_only) {
    RETURN_IF_ERROR(connection_->Execute("PRAGMA query_only = ON"));
    parts->status = StorageFailed("it was opened for reading only");
  } else {
    // After the write-ahead log's last commit may be what a crash has left of one more. It must not
    // be found after later commits (see wal_check.h). This also makes durable what had been written
    // but not synced when the process before ended.
    parts->status = WriteAheadLog::Empty(connection_.get());
    if (parts->status.ok()) parts->status = log_->MakeDurable();
    if (parts->status.ok() && options_.accept_missing_logs) {
      // The mark that there are logs is to be written after they were made, which comes now.
      parts->status = MarkLive(connection_.get(), false);
    }
    if (parts->status.ok()) parts->status = StoreThread::BecomeLive(connection_.get());
    if (!parts->status.ok() && !absl::IsResourceExhausted(parts->status)) return parts->status;
    parts->files = {FileIdentity::Of(path), FileIdentity::Of(path + "-wal")};
    RETURN_IF_ERROR(RemoveBackupRemains(options_));
    RETURN_IF_ERROR(ThrowAwayRemains(found, parts.get()));
  }
  found_ = std::move(found.models);
  thread_ = std::make_unique<StoreThread>(std::move(parts));
  return absl::OkStatus();
}

void SqliteStore::CreateModel(const ModelSettings& settings, const ModelAnswer& answer,
                              std::optional<AnsweredRequest> request, OnCreated done) {
  auto model = std::make_shared<KeptModel>();
  model->row.name = settings.name;
  model->row.initial_settings = SettingsToJson(settings);
  model->row.create_time = answer.create_time;
  model->row.initial_state_hash = answer.state_hash;
  model->base_durability = settings.durability;
  const SqliteJournal::Start start{.durability = settings.durability,
                                   .position = 0,
                                   .step = answer.step,
                                   .saved_position = 0,
                                   .saved_time = absl::Now(),
                                   .damage = {}};
  if (settings.durability == Durability::kMemory) {
    std::move(done)(std::make_unique<SqliteJournal>(thread_.get(), std::move(model), start));
    return;
  }
  std::optional<RememberedAnswer> remembered;
  if (request.has_value()) {
    remembered = RememberedAnswer{.request = *std::move(request),
                                  .time = absl::Now(),
                                  .method = "CreateModel",
                                  .answer = answer};
  }
  thread_->Enqueue(std::make_unique<CreateOperation>(thread_.get(), std::move(model), start,
                                                     std::move(remembered), std::move(done)));
}

std::vector<std::unique_ptr<StoredModel>> SqliteStore::TakeStoredModels() {
  std::vector<std::unique_ptr<StoredModel>> models;
  for (FoundModel& found : found_) {
    models.push_back(MakeStoredModel(std::move(found), thread_.get()));
  }
  found_.clear();
  return models;
}

absl::StatusOr<std::unique_ptr<StoredModel>> SqliteStore::Find(const std::string& name) {
  absl::StatusOr<FoundModels> found;
  thread_->Run([&](StoreParts* parts) { found = FindModels(parts); });
  RETURN_IF_ERROR(found.status());
  for (FoundModel& model : found->models) {
    if (model.model->row.name == name) return MakeStoredModel(std::move(model), thread_.get());
  }
  return Error(absl::StatusCode::kNotFound, "MODEL_NOT_FOUND",
               absl::StrCat("nothing is stored of model \"", name, "\""), {{"model", name}});
}

StoreUsage SqliteStore::Usage() const {
  const std::string database = DatabasePath(options_);
  StoreUsage usage{.database_bytes = SizeOf(database),
                   .write_ahead_log_bytes = SizeOf(database + "-wal"),
                   .waiting_changes = static_cast<std::int64_t>(thread_->waiting())};
  for (const int which : {0, 1}) {
    usage.journal_log_bytes += SizeOf(JournalLog::PathOf(options_.directory, which));
  }
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(options_.directory, error);
  if (!error) usage.free_bytes = static_cast<std::int64_t>(space.available);
  return usage;
}

absl::StatusOr<std::vector<RememberedAnswer>> SqliteStore::RegistryAnswers() {
  absl::StatusOr<std::vector<RememberedAnswer>> answers;
  thread_->Run([&](StoreParts* parts) { answers = parts->requests.ReadAll(); });
  return answers;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteStoreOptions& options) {
  ASSIGN_OR_RETURN(DirectoryLock lock, DirectoryLock::Take(options.directory));
  auto store = std::make_unique<SqliteStore>(options, std::move(lock));
  RETURN_IF_ERROR(store->Open());
  return store;
}

}  // namespace descent::store
