#include "server/store/log/journal_log.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clock/steady.h"
#include "core/status_macros.h"
#include "server/store/errors.h"

namespace descent::store {
namespace {

constexpr std::uint32_t kLogMagic = 0x6c6a7344;  // "Dsjl"
constexpr std::uint32_t kVersion = 1;
// Two places for the file's header, written in turn so that one is always whole, and then frames.
constexpr std::int64_t kHeaderPlace = 4096;
constexpr std::int64_t kFirstFrame = 2 * kHeaderPlace;
constexpr std::size_t kWrittenAtOnce = std::size_t{64} << 10;
constexpr std::int64_t kGrowth = std::int64_t{1} << 20;

struct Header {
  std::uint32_t magic = kLogMagic;
  std::uint32_t version = kVersion;
  std::uint64_t generation = 0;
  std::uint64_t salt = 0;
  std::uint64_t commits_before = 0;  // in the other file, when this one began
  std::uint64_t checksum = 0;
};
static_assert(sizeof(Header) == 40);

std::uint64_t ChecksumOf(const Header& header) {
  return XXH3_64bits(&header, offsetof(Header, checksum));
}

bool IsRight(const Header& header) {
  return header.magic == kLogMagic && header.checksum == ChecksumOf(header);
}

// The header in one of its places: nothing if there never was one.
absl::StatusOr<std::optional<Header>> ReadHeader(const std::string& path, std::string_view bytes) {
  constexpr std::size_t kBits = sizeof(Header) * 8;
  std::string place(bytes.substr(0, sizeof(Header)));
  place.resize(sizeof(Header));
  int ones = 0;
  for (const char byte : place) ones += std::popcount(static_cast<unsigned char>(byte));
  if (ones <= 1) return std::nullopt;
  Header header;
  for (std::size_t bit = 0; bit <= kBits; ++bit) {  // one bit may be wrong
    std::string tried = place;
    if (bit > 0)
      tried[(bit - 1) / 8] = static_cast<char>(tried[(bit - 1) / 8] ^ (1 << (bit - 1) % 8));
    std::memcpy(&header, tried.data(), sizeof(Header));
    if (!IsRight(header)) continue;
    if (header.version != kVersion) return StorageVersion(header.version, kVersion);
    return header;
  }
  return StoredStateDamaged(absl::StrCat(path, ": its header is not what was written"));
}

std::int64_t Align(std::int64_t offset) {
  constexpr auto kAlignment = static_cast<std::int64_t>(kFrameAlignment);
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

std::uint64_t DrawSalt() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

std::string JournalLog::PathOf(const std::string& directory, int which) {
  return absl::StrCat(directory, "/journal.", which);
}

JournalLog::JournalLog(Options options) : options_(std::move(options)) {}

absl::StatusOr<JournalLog::Presence> JournalLog::Look(sqlite3_vfs* vfs,
                                                      const std::string& directory) {
  Presence presence;
  for (const int which : {0, 1}) {
    ASSIGN_OR_RETURN(const std::string path, FullPath(vfs, PathOf(directory, which)));
    ASSIGN_OR_RETURN(const bool is_there, FileIsThere(vfs, path));
    if (!is_there) continue;
    presence.first |= which == 0;
    ASSIGN_OR_RETURN(const std::unique_ptr<VfsFile> file,
                     VfsFile::Open(vfs, path, SQLITE_OPEN_WAL));
    if (file == nullptr) continue;
    ASSIGN_OR_RETURN(const std::int64_t size, file->Size());
    presence.has_content |= size > 0;
  }
  return presence;
}

absl::Status JournalLog::MakeFirst(sqlite3_vfs* vfs, const std::string& directory) {
  ASSIGN_OR_RETURN(const std::string path, FullPath(vfs, PathOf(directory, 0)));
  // Also where it is there: a process before may have ended when it had made it.
  ASSIGN_OR_RETURN(const std::unique_ptr<VfsFile> file, VfsFile::OpenOrMake(vfs, path));
  return file->Sync();
}

absl::StatusOr<std::unique_ptr<JournalLog>> JournalLog::Open(Options options) {
  std::unique_ptr<JournalLog> log(new JournalLog(std::move(options)));
  for (const int which : {0, 1}) RETURN_IF_ERROR(log->Load(which));
  log->active_ = log->files_[0].generation >= log->files_[1].generation ? 0 : 1;
  // The other file was whole when this one began: what is missing there was not torn.
  const File& active = log->files_[static_cast<std::size_t>(log->active_)];
  const File& other = log->files_[static_cast<std::size_t>(1 - log->active_)];
  if (log->options_.is_needed && other.file == nullptr && active.commits_before > 0) {
    return StoredStateDamaged(
        absl::StrCat(other.path, " is missing, with ", active.commits_before, " commits"));
  }
  if (other.generation != 0 && other.generation + 1 == active.generation &&
      other.commits != active.commits_before) {
    return StoredStateDamaged(absl::StrCat(other.path, ": of ", active.commits_before, " commits ",
                                           other.commits, " are there"));
  }
  return log;
}

absl::Status JournalLog::Load(int which) {
  File& file = files_[static_cast<std::size_t>(which)];
  ASSIGN_OR_RETURN(file.path, FullPath(options_.vfs, PathOf(options_.directory, which)));
  ASSIGN_OR_RETURN(file.file, VfsFile::Open(options_.vfs, file.path, SQLITE_OPEN_WAL));
  if (file.file == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::int64_t size, file.file->Size());
  std::string bytes(static_cast<std::size_t>(size), '\0');
  file.size = size;
  if (size > 0) RETURN_IF_ERROR(file.file->Read(0, bytes.data(), bytes.size()));
  for (const std::int64_t place : {std::int64_t{0}, kHeaderPlace}) {
    if (size <= place) continue;
    ASSIGN_OR_RETURN(
        const std::optional<Header> header,
        ReadHeader(file.path, std::string_view(bytes).substr(static_cast<std::size_t>(place))));
    if (!header.has_value() || header->generation < file.generation) continue;
    file.generation = header->generation;
    file.salt = header->salt;
    file.commits_before = header->commits_before;
  }
  if (file.generation != 0) RETURN_IF_ERROR(LoadFrames(which, bytes));
  if (options_.read_only) return absl::OkStatus();
  file.file = nullptr;
  ASSIGN_OR_RETURN(file.file, VfsFile::OpenOrMake(options_.vfs, file.path));
  file.identity = FileIdentity::Of(file.path);
  return absl::OkStatus();
}

absl::Status JournalLog::MakeDurable() {
  for (const File& file : files_) {
    if (file.file == nullptr) continue;
    const auto write_again = [&file](std::int64_t begin, std::int64_t end) {
      end = std::min(end, file.size);
      std::string bytes(static_cast<std::size_t>(std::max<std::int64_t>(end - begin, 0)), '\0');
      RETURN_IF_ERROR(file.file->Read(begin, bytes.data(), bytes.size()));
      return file.file->Write(begin, bytes);
    };
    if (file.generation != 0) RETURN_IF_ERROR(write_again(0, kFirstFrame));
    if (file.commits > 0) RETURN_IF_ERROR(write_again(file.last, file.end));
    RETURN_IF_ERROR(file.file->Sync());
  }
  return absl::OkStatus();
}

absl::Status JournalLog::LoadFrames(int which, std::string_view bytes) {
  File& file = files_[static_cast<std::size_t>(which)];
  file.end = kFirstFrame;
  for (auto offset = static_cast<std::size_t>(kFirstFrame); offset < bytes.size();
       offset = static_cast<std::size_t>(file.end)) {
    const std::string_view rest = bytes.substr(offset);
    std::optional<FrameHead> head = DecodeFrameHead(file.salt, rest);
    if (!head.has_value()) head = RepairFrameHead(file.salt, rest);
    if (!head.has_value() || head->number != file.commits + 1) return CheckEnd(file, bytes, offset);
    // A commit whose records are not all there was torn, unless another one follows it or it is one
    // bit that is wrong.
    const std::int64_t next = Align(static_cast<std::int64_t>(offset + head->size));
    bool torn = false;
    for (const FoundFrameRow& row : head->rows) {
      const std::string_view records =
          row.offset > rest.size()
              ? std::string_view()
              : rest.substr(row.offset, static_cast<std::size_t>(row.row.size_bytes));
      torn = torn || (!RecordsMatch(row, records) && !OneBitIsWrong(row, records));
    }
    if (torn) {
      const std::optional<FrameHead> following =
          static_cast<std::size_t>(next) < bytes.size()
              ? DecodeFrameHead(file.salt, bytes.substr(static_cast<std::size_t>(next)))
              : std::nullopt;
      if (!following.has_value() || following->number != head->number + 1) return absl::OkStatus();
    }
    file.commits = head->number;
    AddRows(which, static_cast<std::int64_t>(offset), *head);
    file.last = static_cast<std::int64_t>(offset);
    file.end = next;
  }
  return absl::OkStatus();
}

absl::Status JournalLog::CheckEnd(const File& file, std::string_view bytes, std::size_t offset) {
  // A commit is begun when those before it are durable, so one that follows proves that what is
  // here was.
  for (std::size_t later = offset + kFrameAlignment; later < bytes.size();
       later += kFrameAlignment) {
    const std::optional<FrameHead> head = DecodeFrameHead(file.salt, bytes.substr(later));
    if (!head.has_value() || head->number <= file.commits + 1) continue;
    return StoredStateDamaged(absl::StrCat(file.path, ": commit ", file.commits + 1, ", at byte ",
                                           offset,
                                           ", is not what was written, and commits follow it"));
  }
  return absl::OkStatus();
}

void JournalLog::AddRows(int which, std::int64_t offset, const FrameHead& head) {
  for (const FoundFrameRow& found : head.rows) {
    const std::int64_t id = found.row.id;
    last_row_id_ = std::max(last_row_id_, id);
    last_model_id_ = std::max(last_model_id_, found.row.model_id);
    rows_[id] = {.file = which, .offset = offset, .found = found};
    files_[static_cast<std::size_t>(which)].live[id] = false;
  }
}

bool JournalLog::HasPlace(const File& file, std::int64_t bytes) const {
  return file.generation != 0 && file.end + bytes <= options_.file_bytes;
}

absl::Status JournalLog::Begin(int which) {
  File& file = files_[static_cast<std::size_t>(which)];
  if (file.file == nullptr) {
    ASSIGN_OR_RETURN(file.file, VfsFile::OpenOrMake(options_.vfs, file.path));
    file.identity = FileIdentity::Of(file.path);
  }
  Header header;
  // Even ones in the first file, odd ones in the second.
  const std::uint64_t last = std::max(files_[0].generation, files_[1].generation);
  header.generation = last + 1 + ((last + 1) % 2 == static_cast<std::uint64_t>(which) ? 0 : 1);
  header.salt = DrawSalt();
  header.commits_before = files_[static_cast<std::size_t>(1 - which)].commits;
  header.checksum = ChecksumOf(header);
  const std::int64_t place = header.generation / 2 % 2 == 0 ? 0 : kHeaderPlace;
  char bytes[sizeof(Header)];
  std::memcpy(bytes, &header, sizeof(Header));
  RETURN_IF_ERROR(file.file->Write(place, std::string_view(bytes, sizeof(bytes))));
  RETURN_IF_ERROR(file.file->Sync());
  file.size = std::max(file.size, kFirstFrame);
  file.generation = header.generation;
  file.salt = header.salt;
  file.commits_before = header.commits_before;
  file.commits = 0;
  file.end = kFirstFrame;
  active_ = which;
  return absl::OkStatus();
}

absl::Status JournalLog::MakePlace(File* file, std::int64_t end, std::int64_t file_bytes) {
  const std::int64_t growth = std::min(kGrowth, file_bytes - file->size);
  if (end <= file->size || end > file->size + growth) return absl::OkStatus();
  const std::string zeros(static_cast<std::size_t>(growth), '\0');
  const absl::Status grown = file->file->Write(file->size, zeros);
  if (grown.ok()) file->size += growth;
  // What is being committed may still have room.
  return absl::IsResourceExhausted(grown) ? absl::OkStatus() : grown;
}

absl::StatusOr<bool> JournalLog::Commit(std::span<const FrameRow> rows) {
  std::int64_t bytes = 0;
  for (const FrameRow& row : rows) bytes += static_cast<std::int64_t>(row.records.size());
  bytes += bytes / 256 + static_cast<std::int64_t>(rows.size() + 1) * 256;  // more than heads take
  if (bytes > options_.file_bytes / 4) return false;
  if (!HasPlace(files_[static_cast<std::size_t>(active_)], bytes)) {
    const int other =
        files_[static_cast<std::size_t>(active_)].generation == 0 ? active_ : 1 - active_;
    if (!files_[static_cast<std::size_t>(other)].live.empty()) return false;
    RETURN_IF_ERROR(Begin(other));
  }
  File& file = files_[static_cast<std::size_t>(active_)];
  const std::string head = EncodeFrameHead(file.salt, file.commits + 1, rows);
  if (head.size() > kMostHeadBytes) return false;
  std::int64_t offset = file.end;
  if (bytes <= static_cast<std::int64_t>(kWrittenAtOnce)) {
    RETURN_IF_ERROR(MakePlace(&file, offset + bytes, options_.file_bytes));
  }
  // One write for what is small; large records are not copied.
  std::string together = head;
  const auto write = [&](std::string_view part) {
    RETURN_IF_ERROR(file.file->Write(offset, part));
    offset += static_cast<std::int64_t>(part.size());
    return absl::OkStatus();
  };
  for (const FrameRow& row : rows) {
    if (together.size() + row.records.size() > kWrittenAtOnce) {
      RETURN_IF_ERROR(write(together));
      together.clear();
    }
    if (row.records.size() > kWrittenAtOnce) {
      RETURN_IF_ERROR(write(row.records));
    } else {
      together += row.records;
    }
  }
  RETURN_IF_ERROR(write(together));
  const absl::Time written = SteadyNow();
  RETURN_IF_ERROR(file.file->Sync());
  if (options_.syncs != nullptr) options_.syncs->Add(SteadyNow() - written);
  file.size = std::max(file.size, offset);
  ++file.commits;
  file.last = file.end;
  AddRows(active_, file.end, *DecodeFrameHead(file.salt, head));
  file.end = Align(offset);
  return true;
}

std::vector<JournalRow> JournalLog::Rows() const {
  std::vector<JournalRow> rows;
  rows.reserve(rows_.size());
  for (const auto& [id, place] : rows_) rows.push_back(place.found.row);
  return rows;
}

absl::StatusOr<std::string> JournalLog::Read(std::int64_t id) {
  const Place& place = rows_.at(id);
  File& file = files_[static_cast<std::size_t>(place.file)];
  const FoundFrameRow& found = place.found;
  std::string records(static_cast<std::size_t>(found.row.size_bytes), '\0');
  const std::int64_t offset = place.offset + static_cast<std::int64_t>(found.offset);
  ASSIGN_OR_RETURN(const std::int64_t size, file.file->Size());
  if (offset + found.row.size_bytes <= size) {
    RETURN_IF_ERROR(file.file->Read(offset, records.data(), records.size()));
    if (RecordsMatch(found, records)) return records;
  }
  file.live[id] = true;
  return StoredStateDamaged(
      absl::StrCat(file.path, ", row ", id, " (steps ", found.row.summary.first_step, " to ",
                   found.row.summary.last_step, "): its records are not what was written"));
}

bool JournalLog::Release(std::int64_t id) {
  const auto row = rows_.find(id);
  if (row == rows_.end()) return false;
  files_[static_cast<std::size_t>(row->second.file)].live.erase(id);
  rows_.erase(row);
  return true;
}

std::vector<JournalRow> JournalLog::Oldest(const File& file, std::int64_t most_bytes) const {
  std::vector<JournalRow> rows;
  for (const auto& [id, unreadable] : file.live) {
    if (most_bytes <= 0) break;
    if (unreadable) continue;
    rows.push_back(rows_.at(id).found.row);
    most_bytes -= rows.back().size_bytes;
  }
  return rows;
}

bool JournalLog::wants_moving() const {
  const File& active = files_[static_cast<std::size_t>(active_)];
  const File& other = files_[static_cast<std::size_t>(1 - active_)];
  return active.end > options_.file_bytes / 4 * 3 &&
         std::any_of(other.live.begin(), other.live.end(),
                     [](const auto& row) { return !row.second; });
}

std::vector<JournalRow> JournalLog::RowsToMove(std::int64_t most_bytes) const {
  if (!wants_moving()) return {};
  return Oldest(files_[static_cast<std::size_t>(1 - active_)], most_bytes);
}

std::vector<JournalRow> JournalLog::ReadableRows(std::int64_t most_bytes) const {
  std::vector<JournalRow> rows = Oldest(files_[static_cast<std::size_t>(1 - active_)], most_bytes);
  if (rows.empty()) rows = Oldest(files_[static_cast<std::size_t>(active_)], most_bytes);
  return rows;
}

absl::Status JournalLog::CheckFiles() const {
  for (const File& file : files_) {
    if (file.file != nullptr) RETURN_IF_ERROR(file.identity.Check());
  }
  return absl::OkStatus();
}

absl::Status JournalLog::Remove() {
  if (!rows_.empty()) return absl::OkStatus();
  for (File& file : files_) {
    file.file = nullptr;
    RETURN_IF_ERROR(RemoveFile(options_.vfs, file.path));
    file.generation = 0;
  }
  return absl::OkStatus();
}

}  // namespace descent::store
