#include "client/cli/tables/embed_option.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "client/cli/failure.h"
#include "client/cli/tables/new_table.h"
#include "tests/cli/message.h"

namespace descent::cli {
namespace {

using testing::HasSubstr;

absl::StatusOr<EmbedOption> Parse(const std::string& text) {
  static const auto* names = new std::vector<std::string>{"shop", "a:b", "a:b:4", "price"};
  return ParseEmbed(text,
                    [](const std::string& name) { return FindColumn(*names, name, "--embed"); });
}

TEST(EmbedOptionTest, NamesAColumnAndSizes) {
  struct Case {
    const char* text;
    size_t column;
    std::optional<int64_t> dimension;
    std::optional<int64_t> buckets;
  };
  for (const Case& each : std::vector<Case>{
           {"shop", 0, {}, {}},
           {"shop:8", 0, 8, {}},
           {"shop:8:2147483647", 0, 8, 2147483647},
           {"4", 3, {}, {}},
           {"4:16", 3, 16, {}},
           // A name may hold colons, and the longest that there is counts.
           {"a:b", 1, {}, {}},
           {"a:b:5", 1, 5, {}},
           {"a:b:5:6", 1, 5, 6},
           {"a:b:4", 2, {}, {}},
           {"a:b:4:9", 2, 9, {}},
       }) {
    const absl::StatusOr<EmbedOption> option = Parse(each.text);
    ASSERT_TRUE(option.ok()) << each.text << ": " << option.status();
    EXPECT_EQ(option->column, each.column) << each.text;
    EXPECT_EQ(option->sizes.dimension, each.dimension) << each.text;
    EXPECT_EQ(option->sizes.buckets, each.buckets) << each.text;
  }
}

TEST(EmbedOptionTest, SaysWhatIsWrong) {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& each : std::vector<Case>{
           {"shp", "--embed: no column is called \"shp\", nor is it a number from 1 to 4"},
           {"shp:8", "--embed: no column is called \"shp\""},
           {"shp:8:64", "--embed: no column is called \"shp\""},
           {"a:c", "--embed: no column is called \"a:c\""},
           {"9:8", "--embed: no column is called \"9\""},
           {"", "--embed: no column is called \"\""},
           {"shop:0", "with a dimension from 1 to 2147483647, got \"0\""},
           {"shop:-1", "got \"-1\""},
           {"shop:", "expected COLUMN, COLUMN:DIMENSION or COLUMN:DIMENSION:BUCKETS"},
           {"shop:wide", "got \"wide\""},
           {"shop:8.5", "got \"8.5\""},
           {"shop:2147483648", "got \"2147483648\""},
           {"shop:8:0", "with a number of buckets from 1 to 2147483647, got \"0\""},
           {"shop:8:", "got \"\""},
           {"shop:x:8", "with a dimension from 1 to 2147483647, got \"x\""},
           {"shop:99999999999999999999", "got \"99999999999999999999\""},
       }) {
    const absl::Status status = Parse(each.text).status();
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage) << each.text;
    EXPECT_THAT(Message(status), HasSubstr(each.message)) << each.text;
  }
}

}  // namespace
}  // namespace descent::cli
