#include <cstdint>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/format/codec.h"
#include "server/store/format/settings_json.h"
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

constexpr std::int64_t kMostBytes = 1 << 20;

// With two slots of 16 numbers and one scalar; the worked example of docs/storage_format.md.
ModelImage SmallImage() {
  ModelImage image;
  image.settings.name = "m";
  image.state.step = 7;
  image.state.optimizer_updates = 6;
  image.state.parameters = SnapshotPool(DataType::kFloat32, 16).Acquire(7);
  image.state.slots.emplace_back(DataType::kFloat32, 16);
  image.state.slots.emplace_back(DataType::kFloat32, 16);
  image.state.scalars = {0.5};
  image.last_loss = 0.25;
  image.update_time = absl::FromUnixSeconds(1700000000);
  image.sessions.push_back({.id = "s",
                            .next_sequence = 4,
                            .last_step = 7,
                            .last_used = absl::FromUnixSeconds(1700000000)});
  RememberedAnswer& answer = image.answers.emplace_back();
  answer.request = {.id = "r", .fingerprint = 0x0123456789abcdef};
  answer.time = absl::FromUnixSeconds(1700000000);
  answer.method = "DeleteCheckpoint";
  answer.answer = DeletionAnswer();
  image.history.interval = 8;
  image.history.points.push_back({.step = 7,
                                  .time = absl::FromUnixSeconds(1700000000),
                                  .updates = 6,
                                  .rows = 24,
                                  .loss = 0.25,
                                  .gradient_norm = 2,
                                  .learning_rate = 0.5,
                                  .measured_rows = 20,
                                  .measures = {4, 1.5}});
  return image;
}

TEST(ImageCodecTest, EveryFieldRoundTrips) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const auto image = Random<ModelImage>(seed);
    const auto read = DecodeImageHeader(EncodeImageHeader(image), kMostBytes);
    ASSERT_THAT(read, IsOk());
    EXPECT_TRUE(SameBits(*read, image)) << seed;
  }
}

TEST(ImageCodecTest, NumbersAreZerosToBeFilled) {
  ModelImage image = SmallImage();
  SnapshotPool::mutable_parameters(image.state.parameters)->Set(3, 1);
  image.state.slots[1].Set(2, 1);
  const auto read = DecodeImageHeader(EncodeImageHeader(image), kMostBytes);
  ASSERT_THAT(read, IsOk());
  EXPECT_TRUE(SameBits(*read, SmallImage()));
  // Nobody else holds it.
  SnapshotPool::mutable_parameters(read->state.parameters)->Set(0, 1);
}

TEST(ImageCodecTest, IsWrittenAsEver) {
  const std::string settings = SettingsToJson(SmallImage().settings);
  ASSERT_EQ(settings.size(), 0x14eU);
  EXPECT_EQ(Hex(EncodeImageHeader(SmallImage())),
            "0301021000000000000000"            // version, data type, slots, size
            "07000000000000000600000000000000"  // step, optimizer updates
            "000000000000d03f00002a36fe9c9717"  // last loss, update time
            "01000000000000000000e03f"          // scalars
            "4e010000" +
                Hex(settings) +  // settings
                "01000000"       // sessions
                "04000000000000000700000000000000"
                "00002a36fe9c97170100000073"
                "01000000"  // answers
                "0104"
                "00002a36fe9c9717"
                "efcdab89674523010100000072"
                "1000000044656c657465436865636b706f696e74"
                "080000000000000001000000"  // history
                "070000000000000000002a36fe9c9717"
                "06000000000000001800000000000000"
                "000000000000d03f0000000000000040000000000000e03f"
                "14000000000000000000000000001040000000000000f83f");
}

TEST(ImageCodecTest, StatisticsOfOtherFeaturesAreRefused) {
  ModelImage image = SmallImage();
  image.settings.network.input_normalization.emplace();
  image.settings.network.input_features = 3;
  SnapshotPool::SetStatistics(image.state.parameters, std::make_shared<const InputStatistics>(2));
  EXPECT_THAT(DecodeImageHeader(EncodeImageHeader(image), kMostBytes),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("holds 6 numbers, which are not those of 3 features")));
}

TEST(ImageCodecTest, IsDocumented) {
  const std::string header = EncodeImageHeader(SmallImage());
  const std::string document = StorageFormatDocument();
  EXPECT_THAT(document, HasSubstr(HexDump(header)));
  EXPECT_THAT(document, HasSubstr(SettingsToJson(SmallImage().settings)));
}

TEST(ImageCodecTest, CutShortOrLongerIsRefused) {
  const std::string whole = EncodeImageHeader(SmallImage());
  ForEachTruncation(whole, [](const std::string& cut) {
    ASSERT_THAT(DecodeImageHeader(cut, kMostBytes), ReasonIs("STORED_STATE_DAMAGED"));
  });
  EXPECT_THAT(DecodeImageHeader(whole + '\0', kMostBytes),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("the end is followed by 1 more")));
  EXPECT_THAT(DecodeImageHeader("", kMostBytes), ReasonIs("STORED_STATE_DAMAGED"));
}

TEST(ImageCodecTest, ChangedBytesAreRefusedOrAnotherImage) {
  ForEachChangedByte(EncodeImageHeader(SmallImage()), [](const std::string& bytes) {
    const auto read = DecodeImageHeader(bytes, kMostBytes);
    if (!read.ok()) {
      ASSERT_THAT(read, ReasonIs("STORED_STATE_DAMAGED"));
      return;
    }
    const auto again = DecodeImageHeader(EncodeImageHeader(*read), kMostBytes);
    ASSERT_THAT(again, IsOk());
    ASSERT_TRUE(SameBits(*again, *read));
  });
}

TEST(ImageCodecTest, SizesBeyondTheBoundAreRefused) {
  const std::string header = EncodeImageHeader(SmallImage());
  constexpr std::int64_t kBytes = 3 * 16 * 4;
  EXPECT_THAT(DecodeImageHeader(header, kBytes), IsOk());
  EXPECT_THAT(DecodeImageHeader(header, kBytes - 1),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("parameters' size asks for 3 times 16 numbers of 4 bytes")));
  constexpr std::size_t kSize = 3;
  for (const std::int64_t size :
       {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min(),
        std::int64_t{-1}, std::int64_t{1} << 62, std::int64_t{1} << 60}) {
    std::string changed = header;
    changed.replace(kSize, sizeof(size), reinterpret_cast<const char*>(&size), sizeof(size));
    EXPECT_THAT(DecodeImageHeader(changed, kMostBytes), ReasonIs("STORED_STATE_DAMAGED"));
    EXPECT_THAT(DecodeImageHeader(changed, 0), ReasonIs("STORED_STATE_DAMAGED"));
  }
}

// As headers were written before there was a history in them.
TEST(ImageCodecTest, TheFirstVersionHasNoHistory) {
  ModelImage image = SmallImage();
  image.history = {};
  std::string header = EncodeImageHeader(image);
  constexpr std::size_t kHistoryBytes = 12;
  header.resize(header.size() - kHistoryBytes);
  header[0] = 1;
  const auto read = DecodeImageHeader(header, kMostBytes);
  ASSERT_THAT(read, IsOk());
  EXPECT_TRUE(SameBits(*read, image));
  header[0] = 4;
  EXPECT_THAT(DecodeImageHeader(header, kMostBytes),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("format version is 4")));
}

// As headers were written before points had measures.
TEST(ImageCodecTest, TheSecondVersionHasNoMeasures) {
  ModelImage image = SmallImage();
  HistoryPoint& point = image.history.points[0];
  point.measured_rows = 0;
  point.measures = {};
  std::string header = EncodeImageHeader(image);
  constexpr std::size_t kMeasuresBytes = 24;
  header.resize(header.size() - kMeasuresBytes);
  header[0] = 2;
  const auto read = DecodeImageHeader(header, kMostBytes);
  ASSERT_THAT(read, IsOk());
  EXPECT_TRUE(SameBits(*read, image));
}

TEST(ImageCodecTest, AHistoryThatGoesBeyondTheModelIsRefused) {
  ModelImage image = SmallImage();
  image.history.points[0].step = 8;
  EXPECT_THAT(DecodeImageHeader(EncodeImageHeader(image), kMostBytes),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("history is none of")));
}

TEST(ImageCodecTest, ErrorsInsideSayWhere) {
  std::string header = EncodeImageHeader(SmallImage());
  const std::size_t kind = header.find("mean_squared_error");
  ASSERT_NE(kind, std::string::npos);
  header[kind] = 'M';
  EXPECT_THAT(DecodeImageHeader(header, kMostBytes),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("checkpoint header: settings can't be read: settings: "
                                 "network.loss.kind is no known kind")));
}

}  // namespace
}  // namespace descent::store
