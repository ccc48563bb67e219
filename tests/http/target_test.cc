#include "server/http/target.h"

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace descent::http {
namespace {

TEST(TargetTest, PathsAndQueriesAreUnescaped) {
  struct Case {
    std::string text;
    std::string path;
    std::map<std::string, std::string> query;
  };
  for (const Case& c : {
           Case{"/", "/", {}},
           Case{"/models/a.b-c_1", "/models/a.b-c_1", {}},
           Case{"/a%2Fb%20c+d", "/a/b c+d", {}},
           Case{"/?", "/", {}},
           Case{"/?prefix=pri%63e+x&page=2", "/", {{"prefix", "price x"}, {"page", "2"}}},
           Case{"/?a&&b=&=c&a=2", "/", {{"a", ""}, {"b", ""}, {"", "c"}}},
           Case{"/?a=b=c?d", "/", {{"a", "b=c?d"}}},
           Case{"http://example:80/x?y=z", "/x", {{"y", "z"}}},
           Case{"https://example", "/", {}},
           Case{"/../../etc/passwd", "/../../etc/passwd", {}},
           Case{"/%c3%a9", "/\xc3\xa9", {}},
       }) {
    const auto target = ParseTarget(c.text);
    ASSERT_TRUE(target.ok()) << c.text << ": " << target.status();
    EXPECT_EQ(target->path, c.path) << c.text;
    EXPECT_EQ(target->query, c.query) << c.text;
  }
}

TEST(TargetTest, WhatMakesNoSenseIsRefused) {
  std::string many = "/?";
  for (std::size_t i = 0; i <= kMostParameters; ++i) absl::StrAppend(&many, "a", i, "=1&");
  for (const std::string& text :
       {std::string(), std::string("*"), std::string("a"), std::string("?a=b"), std::string("/%"),
        std::string("/%1"), std::string("/%zz"), std::string("/%00"),
        std::string("/%0d%0aSet-Cookie:x"), std::string("/?a=%0a"), std::string("/?%=b"),
        std::string("/\n"), std::string("/a\0b", 4), std::string("ftp://x/y"), many,
        "/" + std::string(kMostTargetBytes, 'a')}) {
    EXPECT_EQ(ParseTarget(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_TRUE(ParseTarget("/" + std::string(kMostTargetBytes - 1, 'a')).ok());
}

TEST(TargetTest, AnyTextComesBackFromAQuery) {
  std::string text;
  for (int c = 0x20; c < 0x100; ++c) {
    if (c != 0x7f) text.push_back(static_cast<char>(c));
  }
  const auto target = ParseTarget("/?x=" + EscapeForQuery(text));
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->query, (std::map<std::string, std::string>{{"x", text}}));
}

}  // namespace
}  // namespace descent::http
