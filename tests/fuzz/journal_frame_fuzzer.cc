#include "tests/fuzz/journal_frame_fuzzer.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "server/store/log/journal_frame.h"

namespace descent::store {
namespace {

// Of docs/storage_format.md, "Journal log".
constexpr std::uint32_t kMagic = 0x664a7344;
constexpr std::size_t kFront = 24;
constexpr std::size_t kFixed = 32;
// Trying every bit of a head takes the square of its length.
constexpr std::size_t kMostRepaired = 512;

// All that is read of a frame is within it.
void CheckHead(const FrameHead& head, std::string_view frame) {
  std::size_t offset = 0;
  for (const FoundFrameRow& row : head.rows) {
    DESCENT_CHECK(row.row.size_bytes >= 0);
    const auto size = static_cast<std::size_t>(row.row.size_bytes);
    DESCENT_CHECK(row.block_hashes.size() == (size + 4095) / 4096);
    DESCENT_CHECK(offset == 0 || row.offset == offset);
    offset = row.offset + size;
    DESCENT_CHECK(offset <= head.size);
    if (offset > frame.size()) continue;
    const std::string_view records = frame.substr(row.offset, size);
    if (RecordsMatch(row, records)) DESCENT_CHECK(!OneBitIsWrong(row, records));
    if (size <= kMostRepaired) OneBitIsWrong(row, records);
  }
  DESCENT_CHECK(head.rows.empty() || offset == head.size);
}

// What is read is what would be written.
void CheckRoundTrip(const FrameHead& head, std::string_view bytes, std::string_view frame) {
  std::vector<JournalRow> rows;
  for (const FoundFrameRow& found : head.rows) rows.push_back(found.row);
  std::vector<FrameRow> written;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const FoundFrameRow& found = head.rows[i];
    const auto size = static_cast<std::size_t>(found.row.size_bytes);
    if (found.offset + size > frame.size()) return;
    const std::string_view records = frame.substr(found.offset, size);
    if (!RecordsMatch(found, records)) return;
    written.push_back({.row = &rows[i], .records = records});
  }
  const std::string again = EncodeFrameHead(kFuzzedSalt, head.number, written);
  const std::optional<FrameHead> decoded = DecodeFrameHead(kFuzzedSalt, again);
  DESCENT_CHECK(decoded.has_value() && decoded->rows.size() == head.rows.size());
  DESCENT_CHECK(again.size() <= bytes.size());
  DESCENT_CHECK(std::memcmp(again.data(), bytes.data(), kFront) == 0);
}

void CheckFrame(const std::string& frame) {
  const std::optional<FrameHead> head = DecodeFrameHead(kFuzzedSalt, frame);
  if (head.has_value()) {
    CheckHead(*head, frame);
    CheckRoundTrip(*head, frame, frame);
  }
  if (frame.size() > kMostRepaired) return;
  const std::optional<FrameHead> repaired = RepairFrameHead(kFuzzedSalt, frame);
  if (repaired.has_value()) CheckHead(*repaired, frame);
  if (!head.has_value()) return;
  // Any bit of the head, wrong, is found.
  std::uint32_t head_bytes = 0;
  std::memcpy(&head_bytes, frame.data() + 4, sizeof head_bytes);
  const std::size_t bit = XXH3_64bits(frame.data(), frame.size()) % (head_bytes * 8);
  std::string flipped = frame;
  flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
  const std::optional<FrameHead> found = RepairFrameHead(kFuzzedSalt, flipped);
  DESCENT_CHECK(found.has_value() && found->number == head->number && found->size == head->size);
}

}  // namespace

void PutHeadRight(std::string* frame) {
  if (frame->size() < kFixed) return;
  std::memcpy(frame->data(), &kMagic, sizeof kMagic);
  std::uint32_t head_bytes = 0;
  std::memcpy(&head_bytes, frame->data() + 4, sizeof head_bytes);
  if (head_bytes < kFixed || head_bytes > frame->size()) {
    head_bytes = static_cast<std::uint32_t>(std::min(frame->size(), kMostHeadBytes));
    std::memcpy(frame->data() + 4, &head_bytes, sizeof head_bytes);
  }
  const std::uint64_t front = XXH3_64bits_withSeed(frame->data(), kFront, kFuzzedSalt);
  const std::uint64_t checksum =
      XXH3_64bits_withSeed(frame->data() + kFixed, head_bytes - kFixed, front);
  std::memcpy(frame->data() + kFront, &checksum, sizeof checksum);
}

}  // namespace descent::store

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The entry point stands outside of all namespaces.
  using namespace descent::store;  // NOLINT(google-build-using-namespace)
  if (size == 0 || data[0] > static_cast<std::uint8_t>(FuzzedFrame::kHead)) return -1;
  std::string frame(reinterpret_cast<const char*>(data + 1), size - 1);
  if (static_cast<FuzzedFrame>(data[0]) == FuzzedFrame::kHead) PutHeadRight(&frame);
  CheckFrame(frame);
  return 0;
}
