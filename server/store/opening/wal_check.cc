#include "server/store/opening/wal_check.h"

#include <bit>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/store/errors.h"

namespace descent::store {
namespace {

// The format: https://www.sqlite.org/fileformat2.html#walformat
constexpr std::uint32_t kWalMagic = 0x377f0682;  // its last bit: checksums over big-endian words
constexpr std::uint32_t kFormat = 3007000;
constexpr std::size_t kWalHeaderSize = 32;
constexpr std::size_t kFrameHeaderSize = 24;
constexpr std::int64_t kSectorSize = 512;  // what a disk writes whole, at least

std::uint32_t BigEndian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | bytes[3];
}

std::uint32_t LittleEndian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[3]} << 24 | std::uint32_t{bytes[2]} << 16 |
         std::uint32_t{bytes[1]} << 8 | bytes[0];
}

struct Checksum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  bool operator==(const Checksum&) const = default;
};

Checksum ReadChecksum(const std::uint8_t* bytes) {
  return {BigEndian(bytes), BigEndian(bytes + 4)};
}

// Continues `seed` over `size` bytes, a multiple of 8.
Checksum Continue(Checksum seed, const std::uint8_t* bytes, std::size_t size, bool big_endian) {
  for (std::size_t i = 0; i < size; i += 8) {
    const auto word = [&](std::size_t offset) {
      return big_endian ? BigEndian(bytes + offset) : LittleEndian(bytes + offset);
    };
    seed.first += word(i) + seed.second;
    seed.second += word(i + 4) + seed.first;
  }
  return seed;
}

// Whether changing one bit of `size` checksummed bytes would turn the checksum `computed` over them
// into `stored`. The checksum is linear: a change by d of the first word of the last pair changes
// it by d (1, 1), of the second by d (0, 1), and each pair further from the end by the matrix of
// one step, ((1, 1), (1, 2)), times that.
bool OneBitExplains(Checksum computed, Checksum stored, std::size_t size) {
  const Checksum change = {stored.first - computed.first, stored.second - computed.second};
  Checksum of_word[2] = {{1, 1}, {0, 1}};
  for (std::size_t pair = 0; pair < size / 8; ++pair) {
    for (Checksum& weight : of_word) {
      for (int bit = 0; bit < 32; ++bit) {
        const Checksum up = {weight.first << bit, weight.second << bit};
        const Checksum down = {0 - up.first, 0 - up.second};
        if (change == up || change == down) return true;
      }
      weight = {weight.first + weight.second, weight.first + 2 * weight.second};
    }
  }
  return false;
}

// The log's header, checked.
struct WalHeader {
  bool big_endian = false;
  std::size_t page_size = 0;
  std::uint64_t salts = 0;
  Checksum checksum;
};

std::uint64_t ReadSalts(const std::uint8_t* bytes) {
  return std::uint64_t{BigEndian(bytes)} << 32 | BigEndian(bytes + 4);
}

std::optional<WalHeader> ParseHeader(const std::uint8_t* bytes) {
  WalHeader header;
  header.big_endian = (BigEndian(bytes) & 1) != 0;
  header.page_size = BigEndian(bytes + 8);
  header.salts = ReadSalts(bytes + 16);
  header.checksum = ReadChecksum(bytes + 24);
  if ((BigEndian(bytes) & ~1U) != kWalMagic || BigEndian(bytes + 4) != kFormat) return std::nullopt;
  if (!std::has_single_bit(header.page_size) || header.page_size < 512 ||
      header.page_size > 65536 || Continue({}, bytes, 24, header.big_endian) != header.checksum) {
    return std::nullopt;
  }
  return header;
}

class WalReader {
 public:
  WalReader(VfsFile* file, const WalHeader& header, std::int64_t file_size)
      : file_(file),
        header_(header),
        frame_size_(kFrameHeaderSize + header.page_size),
        frames_((file_size - static_cast<std::int64_t>(kWalHeaderSize)) /
                static_cast<std::int64_t>(frame_size_)),
        bytes_(frame_size_) {}

  absl::Status Check() {
    Checksum seed = header_.checksum;
    for (std::int64_t frame = 0; frame < frames_; ++frame) {
      RETURN_IF_ERROR(Read(frame));
      const Checksum computed = Compute(seed);
      if (computed != Stored() || !HasSalts()) return CheckEnd(frame, computed);
      seed = computed;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Read(std::int64_t frame) {
    return file_->Read(Offset(frame), bytes_.data(), bytes_.size());
  }
  std::int64_t Offset(std::int64_t frame) const {
    return static_cast<std::int64_t>(kWalHeaderSize) +
           frame * static_cast<std::int64_t>(frame_size_);
  }

  // Whether a sector begins between a frame's commit field and its salts: then a torn write may
  // leave the one from an older log beside the other.
  bool IsHeaderSplit(std::int64_t frame) const { return (Offset(frame) + 8) % kSectorSize == 0; }

  // These are of the frame that was read.
  bool EndsCommit() const { return BigEndian(bytes_.data() + 4) != 0; }
  bool HasSalts() const { return ReadSalts(bytes_.data() + 8) == header_.salts; }
  Checksum Stored() const { return ReadChecksum(bytes_.data() + 16); }
  Checksum Compute(Checksum seed) const {
    seed = Continue(seed, bytes_.data(), 8, header_.big_endian);
    return Continue(seed, bytes_.data() + kFrameHeaderSize, header_.page_size, header_.big_endian);
  }

  // `bad` is the first frame that does not fit, and has been read.
  absl::Status CheckEnd(std::int64_t bad, Checksum computed) {
    const Checksum stored = Stored();
    const int wrong_bits = std::popcount(stored.first ^ computed.first) +
                           std::popcount(stored.second ^ computed.second);
    if (wrong_bits <= 1 ||
        (HasSalts() && OneBitExplains(computed, stored, 8 + header_.page_size))) {
      return StoredStateDamaged(
          absl::StrCat("descent.db-wal: one bit of frame ", bad, " of ", frames_, " has changed"));
    }
    int commits = HasSalts() && EndsCommit() ? 1 : 0;
    // The frame before ends a commit, by a header that nothing has confirmed yet.
    bool may_end_commit = false;
    Checksum seeds[2] = {stored, computed};
    for (std::int64_t frame = bad + 1; frame < frames_ && commits < 2; ++frame) {
      RETURN_IF_ERROR(file_->Read(Offset(frame), bytes_.data(), kFrameHeaderSize));
      if (HasSalts()) {
        RETURN_IF_ERROR(Read(frame));
        const Checksum by_stored = Compute(seeds[0]);
        const bool confirms_stored = by_stored == Stored();
        const bool right = confirms_stored || Compute(seeds[1]) == Stored();
        if (confirms_stored && may_end_commit) ++commits;
        if (right && EndsCommit()) ++commits;
        may_end_commit = !right && EndsCommit() && !IsHeaderSplit(frame);
        seeds[1] = by_stored;
      } else {
        may_end_commit = false;
      }
      seeds[0] = Stored();
    }
    if (commits < 2) return absl::OkStatus();
    return StoredStateDamaged(absl::StrCat("descent.db-wal: frame ", bad, " of ", frames_,
                                           " is not what was written, and commits follow it"));
  }

  VfsFile* const file_;
  const WalHeader header_;
  const std::size_t frame_size_;
  const std::int64_t frames_;
  std::vector<std::uint8_t> bytes_;  // of one frame
};

absl::StatusOr<std::int64_t> SizeOf(sqlite3_vfs* vfs, const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<VfsFile> file,
                   VfsFile::Open(vfs, path, SQLITE_OPEN_MAIN_DB));
  if (file == nullptr) return 0;
  return file->Size();
}

}  // namespace

absl::Status CheckWal(sqlite3_vfs* vfs, const std::string& path) {
  const std::string log_path = path + "-wal";
  ASSIGN_OR_RETURN(const std::int64_t database_size, SizeOf(vfs, path));
  ASSIGN_OR_RETURN(const std::int64_t size, SizeOf(vfs, log_path));
  if (size <= static_cast<std::int64_t>(kWalHeaderSize)) return absl::OkStatus();
  if (database_size == 0) {
    return StoredStateDamaged("descent.db is missing, but its log descent.db-wal is there");
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<VfsFile> file,
                   VfsFile::Open(vfs, log_path, SQLITE_OPEN_WAL));
  std::uint8_t bytes[kWalHeaderSize];
  RETURN_IF_ERROR(file->Read(0, bytes, sizeof(bytes)));
  const std::optional<WalHeader> header = ParseHeader(bytes);
  if (!header.has_value()) {
    return StoredStateDamaged("descent.db-wal: its header is not what was written");
  }
  return WalReader(file.get(), *header, size).Check();
}

}  // namespace descent::store
