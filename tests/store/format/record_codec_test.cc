#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <variant>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/format/codec.h"
#include "tests/store/damage.h"
#include "tests/store/format/hex.h"
#include "tests/store/format/random_value.h"
#include "tests/store/format/same_bits.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using descent::testing::IsOk;
using descent::testing::ReasonIs;
using descent::testing::StatusIs;
using ::testing::HasSubstr;

std::string Encode(const UpdateRecord& record) {
  std::string bytes;
  AppendRecord(record, &bytes);
  return bytes;
}

void ExpectRoundTrip(const UpdateRecord& record) {
  const auto read = DecodeRecords(Encode(record));
  ASSERT_THAT(read, IsOk());
  ASSERT_EQ(read->size(), 1U);
  EXPECT_TRUE(SameBits(read->front(), record));
}

// One row [1, -2] of the class 1, by session "s" and request "r"; the worked example of
// docs/storage_format.md.
UpdateRecord SmallRecord() {
  Batch batch;
  batch.inputs = Matrix(DataType::kFloat32, 1, 2);
  batch.inputs.Set(0, 0, 1);
  batch.inputs.Set(0, 1, -2);
  batch.targets = ClassIndices{1};
  UpdateRecord record;
  record.time = absl::FromUnixSeconds(1700000000);
  record.update = BatchUpdate{.batch = std::move(batch), .learning_rate = 0.5};
  record.session = SessionPosition{.session_id = "s", .sequence = 3};
  record.request = AnsweredRequest{.id = "r", .fingerprint = 0x0123456789abcdef};
  record.result = {.step = 7, .loss = 0.25, .gradient_norm = 2, .learning_rate = 0.5};
  record.rows = 1;
  record.state_hash = 0xfedcba9876543210;
  return record;
}

TEST(RecordCodecTest, EveryFieldOfEveryKindRoundTrips) {
  for (std::size_t kind = 0; kind < std::variant_size_v<Update>; ++kind) {
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
      auto record = Random<UpdateRecord>(seed);
      RandomValue(seed).FillAlternative(kind, &record.update);
      ExpectRoundTrip(record);
    }
  }
}

TEST(RecordCodecTest, EmptyNumbersRoundTrip) {
  UpdateRecord record;
  record.update = BatchUpdate();
  ExpectRoundTrip(record);
  record.update = GradientsUpdate{.gradients = Buffer(DataType::kFloat64, 0)};
  ExpectRoundTrip(record);
  BatchUpdate update;
  update.batch.inputs = Matrix(DataType::kFloat64, 0, 5);
  update.batch.targets = ClassIndices();
  record.update = std::move(update);
  ExpectRoundTrip(record);
}

TEST(RecordCodecTest, AGroupIsItsRecordsOneAfterAnother) {
  std::vector<UpdateRecord> records;
  std::string group;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    records.push_back(Random<UpdateRecord>(seed));
    const std::size_t before = group.size();
    AppendRecord(records.back(), &group);
    EXPECT_EQ(group.substr(before), Encode(records.back()));
  }
  const auto read = DecodeRecords(group);
  ASSERT_THAT(read, IsOk());
  EXPECT_TRUE(SameBits(*read, records));
  const auto none = DecodeRecords("");
  ASSERT_THAT(none, IsOk());
  EXPECT_TRUE(none->empty());
}

TEST(RecordCodecTest, DecodedNumbersAreAlignedAndPadded) {
  const auto read = DecodeRecords(Encode(SmallRecord()));
  ASSERT_THAT(read, IsOk());
  const Buffer& inputs = std::get<BatchUpdate>(read->front().update).batch.inputs.buffer();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(inputs.bytes()) % kAlignment, 0U);
  for (std::size_t i = inputs.byte_size(); i < inputs.byte_size() + kPadding; ++i) {
    EXPECT_EQ(inputs.bytes()[i], std::byte{0});
  }
}

// The format may change only on purpose, with another version.
TEST(RecordCodecTest, IsWrittenAsEver) {
  const std::string expected =
      "01011f00"
      "8b00000000000000"  // version, kind, flags, size
      "00002a36fe9c9717"  // time
      "0700000000000000"
      "000000000000d03f"  // step, loss
      "0000000000000040"
      "000000000000e03f"  // gradient norm, learning rate
      "0100000000000000"  // rows
      "1032547698badcfe"  // state hash
      "0300000000000000"
      "01000000"
      "73"  // session
      "efcdab8967452301"
      "01000000"
      "72"                // request
      "000000000000e03f"  // given learning rate
      "01"
      "0100000000000000"
      "0200000000000000"
      "0000803f"
      "000000c0"  // inputs
      "0100000000000000"
      "01000000";  // classes
  EXPECT_EQ(Hex(Encode(SmallRecord())), expected);
}

TEST(RecordCodecTest, IsDocumented) {
  EXPECT_THAT(StorageFormatDocument(), HasSubstr(HexDump(Encode(SmallRecord()))));
}

// Of bytes that may be anything: an error of the right kind, or records that can be written again.
void ExpectReadOrRefused(const std::string& bytes) {
  const auto read = DecodeRecords(bytes);
  if (!read.ok()) {
    ASSERT_THAT(read, ReasonIs("STORED_STATE_DAMAGED"));
    return;
  }
  std::string again;
  for (const UpdateRecord& record : *read) AppendRecord(record, &again);
  const auto read_again = DecodeRecords(again);
  ASSERT_THAT(read_again, IsOk());
  ASSERT_TRUE(SameBits(*read_again, *read));
}

std::string SmallRecordOf(std::size_t kind) {
  UpdateRecord record = SmallRecord();
  RandomValue(2).FillAlternative(kind, &record.update);
  return Encode(record);
}

TEST(RecordCodecTest, CutShortIsRefused) {
  for (std::size_t kind = 0; kind < std::variant_size_v<Update>; ++kind) {
    const std::string whole = SmallRecordOf(kind);
    ForEachTruncation(whole, [&](const std::string& cut) {
      ASSERT_THAT(DecodeRecords(cut), ReasonIs("STORED_STATE_DAMAGED"));
      // After a whole one too.
      ASSERT_THAT(DecodeRecords(whole + cut), ReasonIs("STORED_STATE_DAMAGED"));
    });
  }
}

TEST(RecordCodecTest, ChangedBytesAreRefusedOrOtherRecords) {
  for (std::size_t kind = 0; kind < std::variant_size_v<Update>; ++kind) {
    ForEachChangedByte(SmallRecordOf(kind), ExpectReadOrRefused);
  }
}

TEST(RecordCodecTest, RandomBytesAreRefused) {
  RandomValue random(3);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes(1 + random.Below(300), '\0');
    for (char& c : bytes) c = static_cast<char>(random.Below(256));
    if (i % 2 == 0) bytes[0] = 1;  // past the version
    ExpectReadOrRefused(bytes);
  }
}

// Sizes that overflow, or ask for more memory than there is: nothing is allocated for them.
TEST(RecordCodecTest, HugeSizesAreRefused) {
  const std::string whole = Encode(SmallRecord());
  constexpr std::size_t kRows = 103;
  constexpr std::size_t kCols = 111;
  constexpr std::size_t kClasses = 127;
  const auto with = [&](std::size_t place, std::uint64_t number, std::string bytes) {
    return bytes.replace(place, sizeof(number), reinterpret_cast<const char*>(&number),
                         sizeof(number));
  };
  for (const std::uint64_t number :
       {std::uint64_t{1} << 61, std::uint64_t{1} << 62, std::uint64_t{1} << 63,
        std::numeric_limits<std::uint64_t>::max(), std::uint64_t{1} << 40, std::uint64_t{4}}) {
    for (const std::size_t place : {kRows, kCols, kClasses}) {
      EXPECT_THAT(DecodeRecords(with(place, number, whole)), ReasonIs("STORED_STATE_DAMAGED"));
    }
    const std::string both = with(kCols, number, with(kRows, number, whole));
    EXPECT_THAT(DecodeRecords(both), ReasonIs("STORED_STATE_DAMAGED"));
    const std::string no_columns = with(kCols, 0, with(kRows, number, whole));
    EXPECT_THAT(DecodeRecords(no_columns), ReasonIs("STORED_STATE_DAMAGED"));
  }
}

TEST(RecordCodecTest, ErrorsSayWhatAndWhere) {
  const std::string whole = Encode(SmallRecord());
  const auto problem = [](const std::string& bytes) { return DecodeRecords(bytes).status(); };
  const auto with = [&](std::size_t place, char byte) {
    std::string bytes = whole;
    bytes[place] = byte;
    return bytes;
  };
  constexpr auto kDataLoss = absl::StatusCode::kDataLoss;
  EXPECT_THAT(problem(with(0, 2)), StatusIs(kDataLoss, HasSubstr("format version is 2")));
  EXPECT_THAT(problem(with(1, 9)), StatusIs(kDataLoss, HasSubstr("kind is not known: 9")));
  EXPECT_THAT(problem(with(1, 0)), StatusIs(kDataLoss, HasSubstr("kind is not known")));
  EXPECT_THAT(problem(with(2, 0x7f)),
              StatusIs(kDataLoss, HasSubstr("flags are not those of kind 1: 127")));
  EXPECT_THAT(problem(with(4, 1)), StatusIs(kDataLoss, HasSubstr("record's size is said to be 1")));
  EXPECT_THAT(problem(with(102, 3)),
              StatusIs(kDataLoss, HasSubstr("inputs has the unknown data type 3 (byte 103 of")));
  EXPECT_THAT(problem(whole + whole.substr(0, 85)),
              StatusIs(kDataLoss, HasSubstr("journal records: request fingerprint needs 8 bytes")));
}

}  // namespace
}  // namespace descent::store
