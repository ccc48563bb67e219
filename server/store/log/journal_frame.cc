#include "server/store/log/journal_frame.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "server/store/format/byte_reader.h"
#include "server/store/format/byte_writer.h"
#include "server/store/tables/registry_tables.h"
#include "server/store/tables/row_checksum.h"

namespace descent::store {
namespace {

constexpr std::uint32_t kFrameMagic = 0x664a7344;  // "DsJf"
constexpr std::size_t kChecksumOffset = 24;
constexpr std::size_t kFixedBytes = 32;
constexpr std::size_t kRowBytes = 14 * 8;
constexpr std::size_t kBlockBytes = 4096;

std::size_t BlocksOf(std::size_t bytes) { return (bytes + kBlockBytes - 1) / kBlockBytes; }

std::string_view BlockOf(std::string_view records, std::size_t block) {
  return records.substr(block * kBlockBytes, kBlockBytes);
}

std::uint64_t HeadChecksum(std::uint64_t salt, std::string_view head) {
  const std::uint64_t front = XXH3_64bits_withSeed(head.data(), kChecksumOffset, salt);
  return XXH3_64bits_withSeed(head.data() + kFixedBytes, head.size() - kFixedBytes, front);
}

struct Fixed {
  std::uint32_t magic = 0;
  std::uint32_t head_bytes = 0;
  std::uint64_t number = 0;
  std::uint64_t rows = 0;
  std::uint64_t checksum = 0;
};
static_assert(sizeof(Fixed) == kFixedBytes);

// The bytes of the head that begins here, if that may be one.
std::optional<std::string_view> HeadIn(std::string_view bytes, Fixed* fixed) {
  if (bytes.size() < kFixedBytes) return std::nullopt;
  std::memcpy(fixed, bytes.data(), kFixedBytes);
  if (fixed->magic != kFrameMagic || fixed->head_bytes < kFixedBytes ||
      fixed->head_bytes > std::min(bytes.size(), kMostHeadBytes)) {
    return std::nullopt;
  }
  return bytes.substr(0, fixed->head_bytes);
}

void PutRow(const JournalRow& row, ByteWriter* out) {
  const UpdateSummary& summary = row.summary;
  for (const std::int64_t column :
       {row.id, row.model_id, row.first_position, row.last_position, summary.first_step,
        summary.last_step, ToColumn(row.time), summary.batches, summary.rows}) {
    out->Put(column);
  }
  for (const double column : {summary.loss, summary.gradient_norm, summary.learning_rate}) {
    out->Put(column);
  }
  out->Put(row.build_id);
  out->Put(row.size_bytes);
}

JournalRow GetRow(ByteReader* in) {
  const auto integer = [in] { return in->Get<std::int64_t>("row"); };
  const auto real = [in] { return in->Get<double>("row"); };
  JournalRow row;
  row.id = integer();
  row.model_id = integer();
  row.first_position = integer();
  row.last_position = integer();
  row.summary.first_step = integer();
  row.summary.last_step = integer();
  row.time = FromColumn(integer());
  row.summary.batches = integer();
  row.summary.rows = integer();
  row.summary.loss = real();
  row.summary.gradient_norm = real();
  row.summary.learning_rate = real();
  row.build_id = integer();
  row.size_bytes = integer();
  return row;
}

// From first to last position. False for what no row has.
bool CountRecords(JournalRow* row) {
  if (row->first_position < 0 || row->last_position < row->first_position - 1) return false;
  return !__builtin_add_overflow(row->last_position - row->first_position, 1,
                                 &row->summary.records);
}

std::optional<FrameHead> Parse(const Fixed& fixed, std::string_view bytes) {
  FrameHead head;
  head.number = fixed.number;
  head.size = bytes.size();
  ByteReader in(bytes, "head of a frame");
  in.Take(kFixedBytes, "front");
  for (std::uint64_t i = 0; i < fixed.rows && in.ok(); ++i) {
    FoundFrameRow& found = head.rows.emplace_back();
    found.row = GetRow(&in);
    if (!in.ok() || found.row.size_bytes < 0 || !CountRecords(&found.row)) return std::nullopt;
    const std::size_t blocks = BlocksOf(static_cast<std::size_t>(found.row.size_bytes));
    const char* hashes = in.Take(blocks * sizeof(std::uint64_t), "hashes");
    if (hashes == nullptr) return std::nullopt;
    found.block_hashes.resize(blocks);
    if (blocks > 0) {
      std::memcpy(found.block_hashes.data(), hashes, blocks * sizeof(std::uint64_t));
    }
    found.offset = head.size;
    head.size += static_cast<std::size_t>(found.row.size_bytes);
  }
  if (!in.ok() || in.remaining() != 0) return std::nullopt;
  return head;
}

bool ChecksumMatches(std::uint64_t salt, std::string_view head, const Fixed& fixed) {
  return HeadChecksum(salt, head) == fixed.checksum;
}

void FlipBit(std::string* bytes, std::size_t bit) {
  (*bytes)[bit / 8] = static_cast<char>((*bytes)[bit / 8] ^ (1 << (bit % 8)));
}

}  // namespace

std::string EncodeFrameHead(std::uint64_t salt, std::uint64_t number,
                            std::span<const FrameRow> rows) {
  std::string head;
  ByteWriter out(&head);
  std::size_t size = kFixedBytes;
  for (const FrameRow& row : rows) {
    size += kRowBytes + BlocksOf(row.records.size()) * sizeof(std::uint64_t);
  }
  out.Reserve(size);
  out.Put(kFrameMagic);
  out.Put(static_cast<std::uint32_t>(size));
  out.Put(number);
  out.Put(static_cast<std::uint64_t>(rows.size()));
  out.Put(std::uint64_t{0});
  for (const FrameRow& row : rows) {
    row.row->size_bytes = static_cast<std::int64_t>(row.records.size());
    PutRow(*row.row, &out);
    for (std::size_t block = 0; block < BlocksOf(row.records.size()); ++block) {
      out.Put(HashOf(BlockOf(row.records, block)));
    }
  }
  out.Replace(kChecksumOffset, HeadChecksum(salt, head));
  return head;
}

std::optional<FrameHead> DecodeFrameHead(std::uint64_t salt, std::string_view bytes) {
  Fixed fixed;
  const std::optional<std::string_view> head = HeadIn(bytes, &fixed);
  if (!head.has_value() || !ChecksumMatches(salt, *head, fixed)) return std::nullopt;
  return Parse(fixed, *head);
}

std::optional<FrameHead> RepairFrameHead(std::uint64_t salt, std::string_view bytes) {
  if (bytes.size() < kFixedBytes) return std::nullopt;
  // A bit of the front may change where the head ends, so it is looked for first.
  std::string front(bytes.substr(0, kFixedBytes));
  for (std::size_t bit = 0; bit < kFixedBytes * 8; ++bit) {
    FlipBit(&front, bit);
    Fixed fixed;
    std::memcpy(&fixed, front.data(), kFixedBytes);
    if (fixed.magic == kFrameMagic && fixed.head_bytes >= kFixedBytes &&
        fixed.head_bytes <= std::min(bytes.size(), kMostHeadBytes)) {
      std::string head(bytes.substr(0, fixed.head_bytes));
      head.replace(0, kFixedBytes, front);
      if (ChecksumMatches(salt, head, fixed)) return Parse(fixed, head);
    }
    FlipBit(&front, bit);
  }
  Fixed fixed;
  const std::optional<std::string_view> whole = HeadIn(bytes, &fixed);
  if (!whole.has_value()) return std::nullopt;
  std::string head(*whole);
  for (std::size_t bit = kFixedBytes * 8; bit < head.size() * 8; ++bit) {
    FlipBit(&head, bit);
    if (ChecksumMatches(salt, head, fixed)) return Parse(fixed, head);
    FlipBit(&head, bit);
  }
  return std::nullopt;
}

bool RecordsMatch(const FoundFrameRow& row, std::string_view records) {
  if (static_cast<std::int64_t>(records.size()) != row.row.size_bytes) return false;
  for (std::size_t block = 0; block < row.block_hashes.size(); ++block) {
    if (HashOf(BlockOf(records, block)) != row.block_hashes[block]) return false;
  }
  return true;
}

bool OneBitIsWrong(const FoundFrameRow& row, std::string_view records) {
  if (static_cast<std::int64_t>(records.size()) != row.row.size_bytes) return false;
  std::optional<std::size_t> bad;
  for (std::size_t block = 0; block < row.block_hashes.size(); ++block) {
    if (HashOf(BlockOf(records, block)) == row.block_hashes[block]) continue;
    if (bad.has_value()) return false;
    bad = block;
  }
  if (!bad.has_value()) return false;
  std::string bytes(BlockOf(records, *bad));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    FlipBit(&bytes, bit);
    if (HashOf(bytes) == row.block_hashes[*bad]) return true;
    FlipBit(&bytes, bit);
  }
  return false;
}

}  // namespace descent::store
