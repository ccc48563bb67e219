#include "tests/crash/simulated_disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace descent::crash {
namespace {

constexpr std::int64_t kSector = 512;

void Overwrite(std::string* contents, std::int64_t offset, std::string_view bytes) {
  const std::size_t end = static_cast<std::size_t>(offset) + bytes.size();
  if (contents->size() < end) contents->resize(end);
  bytes.copy(contents->data() + offset, bytes.size());
}

}  // namespace

std::string_view NameOf(FaultKind kind) {
  switch (kind) {
    case FaultKind::kError:
      return "error";
    case FaultKind::kFull:
      return "full";
    case FaultKind::kShortWrite:
      return "short-write";
    case FaultKind::kPowerCut:
      return "power-cut";
    case FaultKind::kKill:
      return "kill";
    case FaultKind::kLoseUnsynced:
      return "lose-unsynced";
  }
  return "unknown";
}

bool Fits(FaultKind kind, Operation operation) {
  switch (kind) {
    case FaultKind::kError:
    case FaultKind::kPowerCut:
    case FaultKind::kKill:
      return true;
    case FaultKind::kFull:
    case FaultKind::kShortWrite:
      return operation == Operation::kWrite;
    case FaultKind::kLoseUnsynced:
      return operation == Operation::kSync;
  }
  return false;
}

bool EndsTheProcess(FaultKind kind) {
  return kind == FaultKind::kPowerCut || kind == FaultKind::kKill;
}

std::ostream& operator<<(std::ostream& out, const Fault& fault) {
  return out << NameOf(fault.kind) << "@" << fault.at << (fault.forever ? "+" : "");
}

void SimulatedDisk::Arm(std::optional<Fault> fault) {
  const absl::MutexLock lock(&mutex_);
  fault_ = fault;
  has_failed_ = false;
  operations_.clear();
}

std::vector<Operation> SimulatedDisk::operations() const {
  const absl::MutexLock lock(&mutex_);
  return operations_;
}

bool SimulatedDisk::HasFailed() const {
  const absl::MutexLock lock(&mutex_);
  return has_failed_;
}

void SimulatedDisk::KillProcess() {
  const absl::MutexLock lock(&mutex_);
  if (state_ == State::kWorking) state_ = State::kKilled;
}

void SimulatedDisk::CutPower() {
  const absl::MutexLock lock(&mutex_);
  state_ = State::kNoPower;
}

void SimulatedDisk::Restart() {
  const absl::MutexLock lock(&mutex_);
  if (state_ == State::kNoPower) KeepWhatReachedThePlatter();
  state_ = State::kWorking;
  ++epoch_;
  fault_.reset();
}

SimulatedDisk::Image SimulatedDisk::GetImage() const {
  const absl::MutexLock lock(&mutex_);
  Image image;
  for (const auto& [name, file] : names_) image[name] = file->current;
  return image;
}

void SimulatedDisk::SetImage(const Image& image) {
  const absl::MutexLock lock(&mutex_);
  names_.clear();
  pending_names_.clear();
  for (const auto& [name, contents] : image) {
    names_[name] = std::make_shared<File>(File{contents, contents, {}});
  }
  synced_names_ = names_;
  state_ = State::kWorking;
  ++epoch_;
  fault_.reset();
}

std::optional<FaultKind> SimulatedDisk::Count(Operation operation) {
  operations_.push_back(operation);
  if (!fault_.has_value()) return std::nullopt;
  const auto number = static_cast<std::int64_t>(operations_.size());
  const bool met = number == fault_->at ||
                   (fault_->forever && number > fault_->at && Fits(fault_->kind, operation));
  if (!met) return std::nullopt;
  has_failed_ = true;
  if (!Fits(fault_->kind, operation)) return FaultKind::kError;
  if (fault_->kind == FaultKind::kPowerCut) state_ = State::kNoPower;
  if (fault_->kind == FaultKind::kKill) state_ = State::kKilled;
  return fault_->kind;
}

bool SimulatedDisk::IsDead(const Handle& handle) const {
  return state_ != State::kWorking || handle.epoch != epoch_;
}

void SimulatedDisk::Put(File* file, Change change) {
  if (change.bytes.has_value()) {
    Overwrite(&file->current, change.offset, *change.bytes);
  } else {
    file->current.resize(static_cast<std::size_t>(change.offset));
  }
  file->pending.push_back(std::move(change));
}

void SimulatedDisk::ChangeName(NameChange change) {
  if (change.file != nullptr) {
    names_[change.name] = change.file;
  } else {
    names_.erase(change.name);
  }
  pending_names_.push_back(std::move(change));
}

void SimulatedDisk::SyncDirectory() {
  synced_names_ = names_;
  pending_names_.clear();
}

std::int64_t SimulatedDisk::PartOf(std::int64_t offset, std::int64_t size) {
  const std::int64_t drawn =
      static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(size));
  return std::max<std::int64_t>(0, (offset + drawn) / kSector * kSector - offset);
}

void SimulatedDisk::KeepWhatReachedThePlatter() {
  for (NameChange& change : pending_names_) {
    if (TossCoin()) continue;
    if (change.file != nullptr) {
      synced_names_[change.name] = std::move(change.file);
    } else {
      synced_names_.erase(change.name);
    }
  }
  names_ = synced_names_;
  pending_names_.clear();
  for (const auto& [name, file] : names_) {
    for (const Change& change : file->pending) KeepSectors(change, &file->synced);
    file->pending.clear();
    file->current = file->synced;
  }
}

void SimulatedDisk::KeepSectors(const Change& change, std::string* contents) {
  if (!change.bytes.has_value()) {
    if (TossCoin()) contents->resize(static_cast<std::size_t>(change.offset));
    return;
  }
  const std::string_view bytes = *change.bytes;
  // Often all or nothing, so that long runs of whole writes come about too.
  const std::uint64_t fate = random_() % 4;
  const auto size = static_cast<std::int64_t>(bytes.size());
  for (std::int64_t begin = 0; begin < size;) {
    const std::int64_t sector = (change.offset + begin) / kSector;
    const std::int64_t end = std::min(size, (sector + 1) * kSector - change.offset);
    if (fate == 0 || (fate > 1 && TossCoin())) {
      Overwrite(
          contents, change.offset + begin,
          bytes.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    }
    begin = end;
  }
}

int SimulatedDisk::Open(const std::string& name, bool create, bool is_journal, Handle* handle) {
  const absl::MutexLock lock(&mutex_);
  if (state_ != State::kWorking || Count(Operation::kOpen).has_value()) return SQLITE_CANTOPEN;
  handle->epoch = epoch_;
  if (name.empty()) {
    handle->file = std::make_shared<File>();
    return SQLITE_OK;
  }
  const auto found = names_.find(name);
  if (found != names_.end()) {
    handle->file = found->second;
    return SQLITE_OK;
  }
  if (!create) return SQLITE_CANTOPEN;
  handle->file = std::make_shared<File>();
  handle->syncs_directory = is_journal;
  ChangeName({name, handle->file});
  return SQLITE_OK;
}

int SimulatedDisk::Read(const Handle& handle, std::int64_t offset, char* bytes, std::int64_t size) {
  const absl::MutexLock lock(&mutex_);
  if (IsDead(handle) || Count(Operation::kRead).has_value()) return SQLITE_IOERR_READ;
  const std::string& contents = handle.file->current;
  const std::int64_t there =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(contents.size()) - offset, 0, size);
  if (there > 0) std::memcpy(bytes, contents.data() + offset, static_cast<std::size_t>(there));
  std::memset(bytes + there, 0, static_cast<std::size_t>(size - there));
  return there == size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int SimulatedDisk::Write(const Handle& handle, std::int64_t offset, std::string_view bytes) {
  const absl::MutexLock lock(&mutex_);
  if (IsDead(handle)) return SQLITE_IOERR_WRITE;
  const std::optional<FaultKind> fault = Count(Operation::kWrite);
  if (!fault.has_value()) {
    Put(handle.file.get(), {offset, std::string(bytes)});
    return SQLITE_OK;
  }
  if (*fault == FaultKind::kShortWrite || EndsTheProcess(*fault)) {
    const std::int64_t part = PartOf(offset, static_cast<std::int64_t>(bytes.size()));
    const std::string_view written = bytes.substr(0, static_cast<std::size_t>(part));
    if (part > 0) Put(handle.file.get(), {offset, std::string(written)});
  }
  const bool is_full =
      *fault == FaultKind::kFull || (*fault == FaultKind::kShortWrite && TossCoin());
  return is_full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

int SimulatedDisk::Truncate(const Handle& handle, std::int64_t size) {
  const absl::MutexLock lock(&mutex_);
  if (IsDead(handle) || Count(Operation::kTruncate).has_value()) return SQLITE_IOERR_TRUNCATE;
  Put(handle.file.get(), {size, std::nullopt});
  return SQLITE_OK;
}

int SimulatedDisk::Sync(Handle* handle) {
  const absl::MutexLock lock(&mutex_);
  if (IsDead(*handle)) return SQLITE_IOERR_FSYNC;
  File& file = *handle->file;
  const std::optional<FaultKind> fault = Count(Operation::kSync);
  if (fault == FaultKind::kLoseUnsynced) file.pending.clear();
  if (fault.has_value()) return SQLITE_IOERR_FSYNC;
  for (const Change& change : file.pending) {
    if (change.bytes.has_value()) {
      Overwrite(&file.synced, change.offset, *change.bytes);
    } else {
      file.synced.resize(static_cast<std::size_t>(change.offset));
    }
  }
  file.pending.clear();
  if (std::exchange(handle->syncs_directory, false)) SyncDirectory();
  return SQLITE_OK;
}

int SimulatedDisk::Size(const Handle& handle, std::int64_t* size) const {
  const absl::MutexLock lock(&mutex_);
  if (IsDead(handle)) return SQLITE_IOERR_FSTAT;
  *size = static_cast<std::int64_t>(handle.file->current.size());
  return SQLITE_OK;
}

int SimulatedDisk::Delete(const std::string& name, bool sync_directory) {
  const absl::MutexLock lock(&mutex_);
  if (state_ != State::kWorking || Count(Operation::kDelete).has_value())
    return SQLITE_IOERR_DELETE;
  if (!names_.contains(name)) return SQLITE_IOERR_DELETE_NOENT;
  ChangeName({name, nullptr});
  if (sync_directory) SyncDirectory();
  return SQLITE_OK;
}

void SimulatedDisk::SyncNames() {
  const absl::MutexLock lock(&mutex_);
  if (state_ == State::kWorking) SyncDirectory();
}

bool SimulatedDisk::Exists(const std::string& name) const {
  const absl::MutexLock lock(&mutex_);
  return names_.contains(name);
}

}  // namespace descent::crash
