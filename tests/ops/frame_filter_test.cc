// What a connection may send of frames that cost the server more than its client.

#include "server/ops/frame_filter.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent::ops {
namespace {

constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string Frame(int type, int flags, const std::string& payload = "") {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame += static_cast<char>(payload.size() >> shift & 255);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  frame += std::string("\0\0\0\1", 4);
  return frame + payload;
}

class FrameFilterTest : public ::testing::Test {
 protected:
  FrameFilterTest() { EXPECT_TRUE(Send(kPreface)); }

  bool Send(const std::string& bytes) { return filter_.Take(bytes.data(), bytes.size(), now_); }

  // How many times the frames are taken, of at most so many.
  int Taken(const std::string& frames, int most = 10'000) {
    int taken = 0;
    while (taken < most && Send(frames)) ++taken;
    return taken;
  }

  absl::Time now_ = absl::UnixEpoch();
  FrameFilter filter_;
};

TEST_F(FrameFilterTest, CallsAndTheirMessagesHaveNoBound) {
  const std::string call = Frame(1, 4, std::string(100, 'h')) +
                           Frame(0, 0, std::string(16384, 'd')) + Frame(0, 1) + Frame(8, 0, "1234");
  EXPECT_EQ(Taken(call), 10'000);
  EXPECT_EQ(filter_.calls(), 10'000);
}

TEST_F(FrameFilterTest, FramesMayComeInAnyPieces) {
  const std::string frames = Frame(1, 0, "headers") + Frame(9, 4, "more") + Frame(0, 0, "data");
  for (int i = 0; i < 1000; ++i) {
    for (const char byte : frames) ASSERT_TRUE(Send(std::string(1, byte)));
  }
  EXPECT_EQ(filter_.calls(), 1000);
}

TEST_F(FrameFilterTest, RapidResetIsCutOff) {
  const int taken = Taken(Frame(1, 4, "headers") + Frame(3, 0, "code"));
  EXPECT_EQ(taken, 1000);
  EXPECT_FALSE(Send(Frame(0, 0, "data"))) << "for good";
}

TEST_F(FrameFilterTest, WhoTakesBackACallNowAndThenIsNot) {
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(Send(Frame(3, 0, "code"))) << i;
    now_ += absl::Milliseconds(6);
  }
}

TEST_F(FrameFilterTest, AnEndlessHeaderBlockIsCutOff) {
  EXPECT_TRUE(Send(Frame(1, 0, "headers")));
  EXPECT_LT(Taken(Frame(9, 0, "v")), 32);
}

TEST_F(FrameFilterTest, ALongHeaderBlockIsCutOff) {
  EXPECT_TRUE(Send(Frame(1, 0, std::string(16384, 'h'))));
  EXPECT_LE(Taken(Frame(9, 0, std::string(16384, 'h'))), 3);
}

TEST_F(FrameFilterTest, EmptyDataIsCutOffUnlessItIsTheLast) {
  EXPECT_EQ(Taken(Frame(0, 1)), 10'000);
  EXPECT_EQ(Taken(Frame(0, 0)), 200);
}

TEST_F(FrameFilterTest, SettingsPingsAndUnknownFramesAreCutOff) {
  for (const int type : {2, 4, 6, 7, 200}) {
    filter_ = FrameFilter();
    EXPECT_TRUE(Send(kPreface));
    EXPECT_LE(Taken(Frame(type, 0, "12345678")), 2000) << type;
  }
}

TEST_F(FrameFilterTest, WhatIsNotHttp2IsCutOff) {
  filter_ = FrameFilter();
  EXPECT_FALSE(Send("GET / HTTP/1.1\r\n\r\n"));
}

}  // namespace
}  // namespace descent::ops
