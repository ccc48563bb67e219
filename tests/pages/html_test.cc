#include "server/pages/html.h"

#include <string>

#include "gtest/gtest.h"

namespace descent::pages {
namespace {

TEST(HtmlTest, WhatMeansSomethingIsEscaped) {
  EXPECT_EQ(Escape("<script>alert(\"x\" & 'y')</script>"),
            "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/script&gt;");
  EXPECT_EQ(Escape("a\tb\nc"), "a\tb\nc");
  EXPECT_EQ(Escape("Z\xc3\xbcrich \xe2\x86\x92 \xf0\x9f\x98\x80"),
            "Z\xc3\xbcrich \xe2\x86\x92 \xf0\x9f\x98\x80");
  EXPECT_EQ(Escape(""), "");
}

TEST(HtmlTest, WhatIsNoTextIsReplaced) {
  const std::string replacement = "\xef\xbf\xbd";
  for (const std::string& text :
       {std::string(1, '\0'), std::string("\x01"), std::string("\r"), std::string("\x7f"),
        std::string("\xff"), std::string("\x80"), std::string("\xc2\x85")}) {
    EXPECT_EQ(Escape("a" + text + "b"), "a" + replacement + "b") << text;
  }
  // Overlong, a surrogate, beyond Unicode, cut off: each of their bytes.
  EXPECT_EQ(Escape("\xc0\xbc"), replacement + replacement);
  EXPECT_EQ(Escape("\xed\xa0\x80"), replacement + replacement + replacement);
  EXPECT_EQ(Escape("\xf4\x90\x80\x80"), replacement + replacement + replacement + replacement);
  EXPECT_EQ(Escape("\xe2\x86"), replacement + replacement);
  EXPECT_EQ(Escape("\xe2<b>"), replacement + "&lt;b&gt;");
}

TEST(HtmlTest, NoTextTurnsItsSurroundingsAround) {
  EXPECT_EQ(Isolated("\xe2\x80\xae<"), "<bdi>\xe2\x80\xae&lt;</bdi>");
}

}  // namespace
}  // namespace descent::pages
