#include "endpoint/traceparent.h"

#include <string>

#include "gtest/gtest.h"

namespace descent::endpoint {
namespace {

const std::string kTraceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kParentId = "00f067aa0ba902b7";

TEST(TraceparentTest, ReadsWhatTheStandardCallsValid) {
  const std::string middle = "-" + kTraceId + "-" + kParentId + "-";
  for (const std::string& text :
       {"00" + middle + "00", "00" + middle + "01", "00" + middle + "ff", "01" + middle + "01",
        "cc" + middle + "01-what-the-future-will-be-like", "cc" + middle + "01-"}) {
    const auto parsed = ParseTraceparent(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(parsed->trace_id, kTraceId);
    EXPECT_EQ(parsed->parent_id, kParentId);
  }
}

TEST(TraceparentTest, TakesAnythingElseForNone) {
  const std::string good = "00-" + kTraceId + "-" + kParentId + "-01";
  for (std::string text :
       {std::string(), std::string("00"), std::string(55, '0'), good.substr(1), good + "0",
        good + "-", good + "-more", "ff" + good.substr(2), "0g" + good.substr(2),
        "cc" + good.substr(2) + "0", "00-" + std::string(32, '0') + "-" + kParentId + "-01",
        "00-" + kTraceId + "-" + std::string(16, '0') + "-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + kParentId + "-01",
        "00-" + kTraceId + "-00F067AA0BA902B7-01", "00-" + kTraceId + "-" + kParentId + "-0G",
        " " + good, good + " ", "00-" + kTraceId + " " + kParentId + "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473\n-" + kParentId + "-01"}) {
    EXPECT_FALSE(ParseTraceparent(text).has_value()) << text;
  }
  // Whatever stands in the place of a character, it is another trace or none.
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char c : {'\0', '\n', '"', '-', 'A', 'g', '\xff'}) {
      std::string text = good;
      if (text[i] == c) continue;
      text[i] = c;
      EXPECT_FALSE(ParseTraceparent(text).has_value()) << text;
    }
  }
}

}  // namespace
}  // namespace descent::endpoint
