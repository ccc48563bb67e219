#include "server/store/log/journal_frame.h"

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/format/hex.h"

namespace descent::store {
namespace {

using ::testing::Eq;
using ::testing::SizeIs;

constexpr std::uint64_t kSalt = 0x0123456789abcdef;

JournalRow RowOf(std::int64_t id) {
  JournalRow row;
  row.id = id;
  row.model_id = 10 * id;
  row.first_position = id + 1;
  row.last_position = id + 3;
  row.summary = {.records = 3,
                 .first_step = id + 4,
                 .last_step = id + 6,
                 .batches = 2,
                 .rows = 64,
                 .loss = 0.25,
                 .gradient_norm = 2,
                 .learning_rate = 0.5};
  row.time = absl::FromUnixSeconds(1700000000);
  row.build_id = 1;
  return row;
}

std::string RandomBytes(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::string Flipped(std::string bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  return bytes;
}

struct Sample {
  Sample() {
    rows = {RowOf(1), RowOf(2), RowOf(3)};
    records = {RandomBytes(100, 1), "", RandomBytes(9000, 2)};
    std::vector<FrameRow> frame;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      frame.push_back({.row = &rows[i], .records = records[i]});
    }
    head = EncodeFrameHead(kSalt, 7, frame);
  }
  std::vector<JournalRow> rows;
  std::vector<std::string> records;
  std::string head;
};

TEST(JournalFrameTest, IsReadAsItWasWritten) {
  const Sample sample;
  const auto head = DecodeFrameHead(kSalt, sample.head + "whatever follows");
  ASSERT_TRUE(head.has_value());
  EXPECT_THAT(head->number, Eq(7));
  EXPECT_THAT(head->size, Eq(sample.head.size() + 9100));
  ASSERT_THAT(head->rows, SizeIs(3));
  std::size_t offset = sample.head.size();
  for (std::size_t i = 0; i < 3; ++i) {
    const FoundFrameRow& found = head->rows[i];
    const JournalRow& row = sample.rows[i];
    EXPECT_THAT(found.row.id, Eq(row.id));
    EXPECT_THAT(found.row.model_id, Eq(row.model_id));
    EXPECT_THAT(found.row.first_position, Eq(row.first_position));
    EXPECT_THAT(found.row.last_position, Eq(row.last_position));
    EXPECT_THAT(found.row.summary.records, Eq(3));
    EXPECT_THAT(found.row.summary.first_step, Eq(row.summary.first_step));
    EXPECT_THAT(found.row.summary.last_step, Eq(row.summary.last_step));
    EXPECT_THAT(found.row.summary.batches, Eq(2));
    EXPECT_THAT(found.row.summary.rows, Eq(64));
    EXPECT_THAT(found.row.summary.loss, Eq(0.25));
    EXPECT_THAT(found.row.summary.gradient_norm, Eq(2));
    EXPECT_THAT(found.row.summary.learning_rate, Eq(0.5));
    EXPECT_THAT(found.row.time, Eq(row.time));
    EXPECT_THAT(found.row.build_id, Eq(1));
    EXPECT_THAT(found.row.size_bytes, Eq(static_cast<std::int64_t>(sample.records[i].size())));
    EXPECT_THAT(found.offset, Eq(offset));
    EXPECT_TRUE(RecordsMatch(found, sample.records[i]));
    offset += sample.records[i].size();
  }
}

// docs/storage_format.md shows these bytes.
TEST(JournalFrameTest, TheExampleOfTheDocumentation) {
  JournalRow row = RowOf(1);
  const FrameRow frame{.row = &row, .records = "abc"};
  EXPECT_THAT(StorageFormatDocument(),
              ::testing::HasSubstr(HexDump(EncodeFrameHead(kSalt, 1, {&frame, 1}) + "abc")));
}

TEST(JournalFrameTest, AnyWrongBitOfAHeadIsSeenAndFound) {
  const Sample sample;
  for (std::size_t bit = 0; bit < 8 * sample.head.size(); ++bit) {
    const std::string flipped = Flipped(sample.head, bit);
    EXPECT_FALSE(DecodeFrameHead(kSalt, flipped).has_value()) << bit;
    const auto repaired = RepairFrameHead(kSalt, flipped);
    ASSERT_TRUE(repaired.has_value()) << bit;
    EXPECT_THAT(repaired->number, Eq(7));
    EXPECT_THAT(repaired->rows.back().row.id, Eq(3));
  }
}

TEST(JournalFrameTest, MoreThanABitIsNotGuessed) {
  const Sample sample;
  std::mt19937_64 random(1);
  for (int i = 0; i < 50; ++i) {
    const std::size_t a = random() % (8 * sample.head.size());
    const std::size_t b = (a + 1 + random() % 100) % (8 * sample.head.size());
    EXPECT_FALSE(RepairFrameHead(kSalt, Flipped(Flipped(sample.head, a), b)).has_value());
  }
  EXPECT_FALSE(RepairFrameHead(kSalt, sample.head.substr(0, 31)).has_value());
  EXPECT_FALSE(RepairFrameHead(kSalt, std::string(4096, '\0')).has_value());
}

TEST(JournalFrameTest, AHeadOfAnotherLogIsNone) {
  const Sample sample;
  EXPECT_FALSE(DecodeFrameHead(kSalt + 1, sample.head).has_value());
  EXPECT_FALSE(RepairFrameHead(kSalt + 1, sample.head).has_value());
}

TEST(JournalFrameTest, AHeadThatIsCutIsNone) {
  const Sample sample;
  for (std::size_t size = 0; size < sample.head.size(); ++size) {
    EXPECT_FALSE(DecodeFrameHead(kSalt, sample.head.substr(0, size)).has_value()) << size;
  }
}

TEST(JournalFrameTest, OneWrongBitOfTheRecordsIsToldFromMore) {
  const Sample sample;
  const FoundFrameRow row = DecodeFrameHead(kSalt, sample.head)->rows[2];
  const std::string& records = sample.records[2];
  EXPECT_FALSE(OneBitIsWrong(row, records));
  std::mt19937_64 random(2);
  for (int i = 0; i < 20; ++i) {
    const std::size_t bit = random() % (8 * records.size());
    const std::string one = Flipped(records, bit);
    EXPECT_FALSE(RecordsMatch(row, one)) << bit;
    EXPECT_TRUE(OneBitIsWrong(row, one)) << bit;
    EXPECT_FALSE(OneBitIsWrong(row, Flipped(one, (bit + 1) % (8 * records.size())))) << bit;
  }
  std::string torn = records;
  torn.replace(4096, 512, std::string(512, '\0'));
  EXPECT_FALSE(RecordsMatch(row, torn));
  EXPECT_FALSE(OneBitIsWrong(row, torn));
  EXPECT_FALSE(RecordsMatch(row, records.substr(1)));
}

}  // namespace
}  // namespace descent::store
