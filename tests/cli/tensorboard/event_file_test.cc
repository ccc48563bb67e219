#include "client/cli/tensorboard/event_file.h"

#include <gmock/gmock.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "tests/cli/message.h"

namespace descent::cli {
namespace {

namespace fs = std::filesystem;
using google::protobuf::UnknownFieldSet;
using testing::HasSubstr;
using testing::MatchesRegex;

const absl::Time kNow = absl::FromUnixMillis(1'700'000'000'250);

class EventFileTest : public testing::Test {
 protected:
  EventFileTest() { fs::remove_all(directory_); }
  ~EventFileTest() override { fs::remove_all(directory_); }

  // The events' messages, whose framing is as the format says.
  static std::vector<std::unique_ptr<UnknownFieldSet>> EventsOf(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    std::vector<std::unique_ptr<UnknownFieldSet>> events;
    for (size_t at = 0; at < bytes.size();) {
      uint64_t size = 0;
      std::memcpy(&size, bytes.data() + at, sizeof(size));
      const std::string data = bytes.substr(at + 12, size);
      EXPECT_EQ(bytes.substr(at, size + 16), EventRecord(data));
      events.push_back(std::make_unique<UnknownFieldSet>());
      EXPECT_TRUE(events.back()->ParseFromString(data));
      at += size + 16;
    }
    return events;
  }

  const std::string directory_ = absl::StrCat(testing::TempDir(), "/events.", getpid(), "/run");
};

double DoubleOf(const google::protobuf::UnknownField& field) {
  const uint64_t bits = field.fixed64();
  double number = 0;
  std::memcpy(&number, &bits, sizeof(number));
  return number;
}

float FloatOf(const google::protobuf::UnknownField& field) {
  const uint32_t bits = field.fixed32();
  float number = 0;
  std::memcpy(&number, &bits, sizeof(number));
  return number;
}

// What TensorBoard's own writer makes of the first event of a file at second 0.
TEST_F(EventFileTest, RecordsAreAsTensorBoardWritesThem) {
  // CRC-32C of "123456789" is 0xe3069283; rotated and masked 0xc78ab0e5.
  const std::string record = EventRecord("123456789");
  EXPECT_EQ(record.substr(0, 8), std::string("\x09\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(record.substr(12, 9), "123456789");
  EXPECT_EQ(record.substr(21), "\xE5\xB0\x8A\xC7");
  EXPECT_EQ(EventRecord("").size(), 16U);
}

TEST_F(EventFileTest, BeginsWithItsVersionAndHasScalarsByStep) {
  const auto file = EventFile::Create(directory_, kNow).value();
  EXPECT_THAT(fs::path(file->path()).filename().string(),
              MatchesRegex("events\\.out\\.tfevents\\.1700000000\\..+\\.[0-9]+\\.0"));
  ASSERT_TRUE(
      file->Add(17, kNow + absl::Seconds(2), {{"train/loss", 0.25}, {"test/rmse", -3}}).ok());
  ASSERT_TRUE(file->BeginAt(18, kNow).ok());
  // It is there to be read while the file is open.
  const std::vector<std::unique_ptr<UnknownFieldSet>> events = EventsOf(file->path());
  ASSERT_EQ(events.size(), 3U);
  ASSERT_EQ(events[0]->field_count(), 2);
  EXPECT_NEAR(DoubleOf(events[0]->field(0)), 1'700'000'000.25, 1e-6);
  EXPECT_EQ(events[0]->field(1).number(), 3);
  EXPECT_EQ(events[0]->field(1).length_delimited(), "brain.Event:2");

  ASSERT_EQ(events[1]->field_count(), 3);
  EXPECT_NEAR(DoubleOf(events[1]->field(0)), 1'700'000'002.25, 1e-6);
  EXPECT_EQ(events[1]->field(1).number(), 2);
  EXPECT_EQ(events[1]->field(1).varint(), 17U);
  EXPECT_EQ(events[1]->field(2).number(), 5);
  UnknownFieldSet summary;
  ASSERT_TRUE(summary.ParseFromString(events[1]->field(2).length_delimited()));
  ASSERT_EQ(summary.field_count(), 2);
  UnknownFieldSet value;
  ASSERT_TRUE(value.ParseFromString(summary.field(0).length_delimited()));
  EXPECT_EQ(value.field(0).length_delimited(), "train/loss");
  EXPECT_EQ(value.field(1).number(), 2);
  EXPECT_EQ(FloatOf(value.field(1)), 0.25F);

  EXPECT_EQ(events[2]->field(1).varint(), 18U);
  EXPECT_EQ(events[2]->field(2).number(), 7);
  EXPECT_EQ(events[2]->field(2).length_delimited(), "\x08\x01");
}

TEST_F(EventFileTest, WhatIsTooLargeForAFloatIsInfinite) {
  const auto file = EventFile::Create(directory_, kNow).value();
  ASSERT_TRUE(file->Add(1, kNow, {{"x", 1e300}}).ok());
  UnknownFieldSet summary;
  UnknownFieldSet value;
  ASSERT_TRUE(summary.ParseFromString(EventsOf(file->path())[1]->field(2).length_delimited()));
  ASSERT_TRUE(value.ParseFromString(summary.field(0).length_delimited()));
  EXPECT_EQ(FloatOf(value.field(1)), std::numeric_limits<float>::infinity());
}

// Also within one second, or when the clock has gone back.
TEST_F(EventFileTest, ALaterFileHasALaterName) {
  std::vector<std::string> paths;
  for (const absl::Time now : {kNow, kNow, kNow - absl::Hours(1), kNow + absl::Hours(1)}) {
    paths.push_back(EventFile::Create(directory_, now).value()->path());
  }
  EXPECT_TRUE(std::is_sorted(paths.begin(), paths.end()));
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 4);
}

TEST_F(EventFileTest, APlaceThatIsNoDirectoryIsAnError) {
  const absl::Status status = EventFile::Create("/dev/null/run", kNow).status();
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kCannotWrite);
  EXPECT_THAT(Message(status), HasSubstr("/dev/null/run: "));
}

}  // namespace
}  // namespace descent::cli
