#include "server/ops/log.h"

#include <nlohmann/json.hpp>
#include <string>

#include "gtest/gtest.h"

namespace descent::ops {
namespace {

TEST(LogTest, TextQuotesWhatIsNotPlain) {
  EXPECT_EQ(RenderText("serving", {}), "serving");
  EXPECT_EQ(RenderText("call", {{"model", std::string_view("a.b-c_9")},
                                {"peer", std::string_view("ipv6:[::1]:80")},
                                {"count", std::int64_t{-3}},
                                {"milliseconds", 0.5}}),
            "call  model=a.b-c_9 peer=ipv6:[::1]:80 count=-3 milliseconds=0.5");
  EXPECT_EQ(RenderText("call", {{"error", std::string_view("no \"such\"\nline")},
                                {"model", std::string_view("")}}),
            R"(call  error="no \"such\"\nline" model="")");
}

TEST(LogTest, JsonIsJsonWhateverTheTextHolds) {
  const std::string line = "{" +
                           RenderJson("a \"b\"\n", {{"bytes", std::string_view("\xff\x01")},
                                                    {"count", std::int64_t{1} << 53},
                                                    {"x", 1e-9}}) +
                           "}";
  const auto object = nlohmann::json::parse(line);
  EXPECT_EQ(object["message"], "a \"b\"\n");
  EXPECT_EQ(object["bytes"], "\ufffd\x01");
  EXPECT_EQ(object["count"], std::int64_t{1} << 53);
  EXPECT_EQ(object["x"], 1e-9);
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

TEST(LogTest, NothingIsLoggedBeforeTheStart) {
  EXPECT_FALSE(LogEnabled(LogLevel::kError));
  Log(LogLevel::kError, "unheard");
}

TEST(LogTest, LinesGoToStderrAtTheirLevel) {
  ::testing::internal::CaptureStderr();
  StartLog(LogFormat::kJson, LogLevel::kInfo);
  EXPECT_FALSE(LogEnabled(LogLevel::kDebug));
  Log(LogLevel::kDebug, "too fine");
  Log(LogLevel::kWarning, "careful", {{"left", std::int64_t{2}}});
  StopLog();
  const std::string line = ::testing::internal::GetCapturedStderr();
  const auto object = nlohmann::json::parse(line);
  EXPECT_EQ(object["level"], "warning");
  EXPECT_EQ(object["message"], "careful");
  EXPECT_EQ(object["left"], 2);
  EXPECT_EQ(std::string(object["time"]).size(), std::string("2026-01-31T12:00:00.123Z").size());
}

}  // namespace
}  // namespace descent::ops
