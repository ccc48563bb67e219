#include "server/models/registry/open_backups.h"

#include <algorithm>
#include <string>
#include <utility>

#include "clock/steady.h"
#include "server/models/errors.h"

namespace descent::models {
namespace {

// A backup that was not read for so long makes room for another, and for so long goes anyway. A
// piece is a quarter of a megabyte: who reads at all is faster.
constexpr absl::Duration kUnreadMakesRoom = absl::Seconds(5);
constexpr absl::Duration kUnread = absl::Minutes(1);

}  // namespace

class OpenBackups::Reading final : public BackupReading,
                                   public std::enable_shared_from_this<Reading> {
 public:
  Reading(std::unique_ptr<store::Backup> backup, Place place, Executor* readers)
      : size_bytes_(backup->size_bytes()),
        readers_(readers),
        backup_(std::move(backup)),
        place_(std::move(place)),
        last_read_(SteadyNow()) {}

  std::int64_t size_bytes() const override { return size_bytes_; }

  void Next(std::size_t most, Reply<std::string> reply) override {
    {
      const absl::MutexLock lock(&mutex_);
      reading_ = true;
    }
    readers_->Post([self = shared_from_this(), most, reply = std::move(reply)]() mutable {
      std::move(reply)(self->Read(most));
    });
  }

  // How long nobody has read; nothing once closed.
  absl::Duration unread(absl::Time now) const {
    const absl::MutexLock lock(&mutex_);
    return backup_ == nullptr || reading_ ? absl::ZeroDuration() : now - last_read_;
  }

  void Close() {
    std::unique_ptr<store::Backup> backup;
    Place place;
    const absl::MutexLock lock(&mutex_);
    if (reading_) return;
    backup.swap(backup_);
    place.swap(place_);
  }

 private:
  absl::StatusOr<std::string> Read(std::size_t most) {
    store::Backup* backup = nullptr;
    {
      const absl::MutexLock lock(&mutex_);
      backup = backup_.get();
    }
    // While it is being read it is not closed.
    absl::StatusOr<std::string> piece = BackupUnread();
    if (backup != nullptr) piece = backup->Read(most);
    const absl::MutexLock lock(&mutex_);
    reading_ = false;
    last_read_ = SteadyNow();
    return piece;
  }

  const std::int64_t size_bytes_;
  Executor* const readers_;
  mutable absl::Mutex mutex_;
  std::unique_ptr<store::Backup> backup_ ABSL_GUARDED_BY(mutex_);
  Place place_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time last_read_ ABSL_GUARDED_BY(mutex_);
};

OpenBackups::OpenBackups(int most, Executor* readers)
    : most_(most), readers_(readers), places_(std::make_shared<const int>(most)) {}

OpenBackups::~OpenBackups() = default;

absl::StatusOr<OpenBackups::Place> OpenBackups::TakePlace(absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  const auto full = [this] { return places_.use_count() - 1 >= most_; };
  if (full()) CloseOne(now, kUnreadMakesRoom);
  if (full()) return TooManyBackups(most_, kUnreadMakesRoom);
  return Place(places_);
}

std::shared_ptr<BackupReading> OpenBackups::Open(std::unique_ptr<store::Backup> backup,
                                                 Place place) {
  auto reading = std::make_shared<Reading>(std::move(backup), std::move(place), readers_);
  const absl::MutexLock lock(&mutex_);
  std::erase_if(open_, [](const auto& open) { return open.expired(); });
  open_.push_back(reading);
  return reading;
}

void OpenBackups::CloseUnread(absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  while (CloseOne(now, kUnread)) {
  }
}

bool OpenBackups::CloseOne(absl::Time now, absl::Duration unread) {
  std::shared_ptr<Reading> longest;
  for (const auto& open : open_) {
    const auto reading = open.lock();
    if (reading == nullptr || reading->unread(now) < unread) continue;
    if (longest == nullptr || reading->unread(now) > longest->unread(now)) longest = reading;
  }
  if (longest == nullptr) return false;
  longest->Close();
  return true;
}

}  // namespace descent::models
