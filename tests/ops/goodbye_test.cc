#include "server/ops/goodbye.h"

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ops/goodbye_reader.h"

namespace descent::ops {
namespace {

std::string Frame(FrameType type, int flags, const std::string& payload = "") {
  std::string frame(2, '\0');
  frame += static_cast<char>(payload.size());
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  return frame + std::string("\0\0\0\1", 4) + payload;
}

class GoodbyeTest : public ::testing::Test {
 protected:
  void Send(std::string_view bytes) { goodbye_.NoteSent(bytes.data(), bytes.size()); }
  bool IsDue() const { return !goodbye_.Due().empty(); }

  const std::shared_ptr<std::atomic<bool>> is_leaving_ = std::make_shared<std::atomic<bool>>(true);
  Goodbye goodbye_{is_leaving_};
};

TEST_F(GoodbyeTest, IsForNoCallThatThereIs) {
  Send(Frame(kSettings, 0));
  EXPECT_EQ(goodbye_.Due(), kGoodbyeFrame);
}

TEST_F(GoodbyeTest, IsSaidOnceTheServerLeaves) {
  *is_leaving_ = false;
  Send(Frame(kSettings, 0));
  EXPECT_FALSE(IsDue());
  *is_leaving_ = true;
  EXPECT_TRUE(IsDue());
  EXPECT_EQ(Goodbye(nullptr).Due(), "");
}

TEST_F(GoodbyeTest, IsNotTheFirstFrame) {
  EXPECT_FALSE(IsDue());
  Send(Frame(kSettings, 0));
  EXPECT_TRUE(IsDue());
}

TEST_F(GoodbyeTest, DividesNoFrameAndNoBlockOfHeaders) {
  Send(Frame(kSettings, 0));
  const std::string whole[] = {Frame(kData, 0, "numbers"), Frame(kHeaders, kEndHeaders, "status"),
                               Frame(kHeaders, 0, "sta") + Frame(kContinuation, 0, "t") +
                                   Frame(kContinuation, kEndHeaders, "us"),
                               Frame(kData, kEndStream)};
  for (const std::string& bytes : whole) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      EXPECT_TRUE(i == 0 || !IsDue()) << i;
      Send(std::string_view(bytes).substr(i, 1));
    }
    EXPECT_TRUE(IsDue());
  }
}

TEST_F(GoodbyeTest, IsSaidOnceAndToItsEnd) {
  Send(Frame(kSettings, 0));
  const std::string frame(goodbye_.Due());
  EXPECT_FALSE(goodbye_.is_broken_off());
  goodbye_.NoteSaid(5);
  EXPECT_TRUE(goodbye_.is_broken_off());
  EXPECT_EQ(goodbye_.Due(), frame.substr(5));
  goodbye_.NoteSaid(frame.size() - 5);
  EXPECT_FALSE(goodbye_.is_broken_off());
  EXPECT_FALSE(IsDue());
  Send(Frame(kData, 0, "numbers"));
  EXPECT_FALSE(IsDue());
}

}  // namespace
}  // namespace descent::ops
