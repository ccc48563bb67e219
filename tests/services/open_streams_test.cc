// When there are too many streams, whoever has most of them loses the most silent.

#include "server/services/open_streams.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent::services {
namespace {

struct Stream {
  Stream(OpenStreams* streams, const std::string& peer)
      : place(streams, peer, [this](const absl::Status& status) { ended.push_back(status); }) {}

  std::vector<absl::Status> ended;
  OpenStream place;
};

std::unique_ptr<Stream> Open(OpenStreams* streams, const std::string& peer) {
  return std::make_unique<Stream>(streams, peer);
}

TEST(OpenStreamsTest, EndsTheMostSilentOfTheMostCrowdedConnection) {
  OpenStreams streams(4);
  auto honest = Open(&streams, "honest");
  auto first = Open(&streams, "crowd");
  auto second = Open(&streams, "crowd");
  auto third = Open(&streams, "crowd");
  first->place.Touch();
  EXPECT_EQ(streams.size(), 4);
  auto fourth = Open(&streams, "crowd");
  EXPECT_EQ(streams.size(), 4);
  EXPECT_TRUE(honest->ended.empty());  // though it was silent longest
  EXPECT_TRUE(first->ended.empty());
  ASSERT_EQ(second->ended.size(), 1);
  EXPECT_EQ(second->ended[0].code(), absl::StatusCode::kResourceExhausted);

  // One that was told to go counts no more, and is told once.
  auto fifth = Open(&streams, "crowd");
  EXPECT_EQ(second->ended.size(), 1);
  EXPECT_EQ(third->ended.size(), 1);
  second.reset();
  third.reset();
  EXPECT_EQ(streams.size(), 4);
}

TEST(OpenStreamsTest, AFloodNeverEndsTheStreamsOfOthers) {
  OpenStreams streams(100);
  auto honest = Open(&streams, "honest");
  std::vector<std::unique_ptr<Stream>> flood;
  for (int i = 0; i < 1000; ++i) {
    flood.push_back(Open(&streams, i % 2 == 0 ? "flood" : "another"));
  }
  EXPECT_TRUE(honest->ended.empty());
  EXPECT_EQ(streams.size(), 100);
  flood.clear();
  EXPECT_EQ(streams.size(), 1);
}

}  // namespace
}  // namespace descent::services
