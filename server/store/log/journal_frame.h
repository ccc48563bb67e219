// One commit in the journal's log, as bytes; docs/storage_format.md, "Journal log", shows them.
//
// A frame is a head (the rows, and a hash of each block of their records) and the records. The head
// has a checksum of its own: whoever has a right head knows what should follow and can tell which
// model a damaged block belongs to. XXH3 does not say which bit is wrong, but one wrong bit can be
// found by trying: that is how damage is told from a commit that a crash has torn.

#ifndef SERVER_STORE_LOG_JOURNAL_FRAME_H_
#define SERVER_STORE_LOG_JOURNAL_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/store/tables/journal_table.h"

namespace descent::store {

// Frames begin at multiples of this, so that none shares a page with one that is durable.
inline constexpr std::size_t kFrameAlignment = 4096;

// A head is not larger: all its bits can be tried (RepairFrameHead) in a second or two, whatever is
// there in place of one.
inline constexpr std::size_t kMostHeadBytes = std::size_t{64} << 10;

// A row with its records, to be written.
struct FrameRow {
  JournalRow* row = nullptr;  // size_bytes is set when it is written
  std::string_view records;
};

// A row as a head has it. records_checksum is not kept: the blocks' hashes are.
struct FoundFrameRow {
  JournalRow row;
  std::vector<std::uint64_t> block_hashes;
  std::size_t offset = 0;  // of its records, from the frame's beginning
};

struct FrameHead {
  std::uint64_t number = 0;  // of the commit in its log, from 1
  std::vector<FoundFrameRow> rows;
  std::size_t size = 0;  // of the frame: head and records
};

// May be larger than kMostHeadBytes: then it can't be read again. `salt`: drawn anew whenever a log
// begins, so that nothing that was in the file before, nor anything that a client sends, passes for
// a frame of it.
std::string EncodeFrameHead(std::uint64_t salt, std::uint64_t number,
                            std::span<const FrameRow> rows);

// The head that `bytes` begin with, if it is exactly as it was written.
std::optional<FrameHead> DecodeFrameHead(std::uint64_t salt, std::string_view bytes);
// The same, if it would be with one bit changed.
std::optional<FrameHead> RepairFrameHead(std::uint64_t salt, std::string_view bytes);

bool RecordsMatch(const FoundFrameRow& row, std::string_view records);
// Whether they would match with one bit changed.
bool OneBitIsWrong(const FoundFrameRow& row, std::string_view records);

}  // namespace descent::store

#endif  // SERVER_STORE_LOG_JOURNAL_FRAME_H_
