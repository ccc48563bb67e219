#include "client/cli/encoding/packed_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace descent::cli {
namespace {

TEST(PackedTextTest, ComesBackAsItWas) {
  std::string text;
  for (int i = 0; i < 2000; ++i) absl::StrAppend(&text, "{\"field\":", i, ",\"mean\":0.5}");
  for (const std::string& original : {std::string(), std::string("zlib:"), text}) {
    const std::string packed = PackText(original);
    EXPECT_EQ(UnpackText(packed).value(), original);
  }
  EXPECT_LT(PackText(text).size(), text.size() / 4);
}

TEST(PackedTextTest, LeavesOtherTextsAlone) {
  EXPECT_EQ(UnpackText("{\"version\": 1}").value(), "{\"version\": 1}");
  EXPECT_EQ(UnpackText("").value(), "");
}

TEST(PackedTextTest, RefusesWhatCanNotHaveBeenPacked) {
  const std::string packed = PackText(std::string(100, 'x'));
  for (const std::string& bad :
       {std::string("zlib:"), std::string("zlib:5"), std::string("zlib:x:AAAA"),
        std::string("zlib:99999999999:AAAA"), std::string("zlib:3:?"), std::string("zlib:3:AAAA"),
        packed.substr(0, packed.size() - 8), "zlib:99:" + packed.substr(9)}) {
    EXPECT_EQ(UnpackText(bad).status().code(), absl::StatusCode::kFailedPrecondition) << bad;
  }
}

}  // namespace
}  // namespace descent::cli
