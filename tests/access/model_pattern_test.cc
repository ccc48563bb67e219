#include "server/access/model_pattern.h"

#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace descent::access {
namespace {

bool Matches(std::string_view pattern, std::string_view name) {
  const std::optional<ModelPattern> parsed = ModelPattern::Parse(pattern);
  EXPECT_TRUE(parsed.has_value()) << pattern;
  return parsed.has_value() && parsed->Matches(name);
}

TEST(ModelPatternTest, IsANameOrManyByStars) {
  EXPECT_TRUE(Matches("rates", "rates"));
  EXPECT_FALSE(Matches("rates", "rate"));
  EXPECT_FALSE(Matches("rates", "rates2"));
  EXPECT_TRUE(Matches("pricing-*", "pricing-eu"));
  EXPECT_TRUE(Matches("pricing-*", "pricing-"));
  EXPECT_FALSE(Matches("pricing-*", "pricing"));
  EXPECT_FALSE(Matches("pricing-*", "not-pricing-eu"));
  EXPECT_TRUE(Matches("*-prod", "a-prod"));
  EXPECT_TRUE(Matches("*-prod", "a-prod-prod"));
  EXPECT_FALSE(Matches("*-prod", "a-prod-x"));
  EXPECT_TRUE(Matches("*", "anything"));
  EXPECT_TRUE(Matches("**", "anything"));
  EXPECT_TRUE(Matches("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(Matches("a*b*c", "a-c-b"));
}

TEST(ModelPatternTest, ADotIsADot) {
  EXPECT_TRUE(Matches("v1.2", "v1.2"));
  EXPECT_FALSE(Matches("v1.2", "v1x2"));
}

TEST(ModelPatternTest, RefusesWhatNoNameHas) {
  for (const char* text : {"", "Pricing", "a b", "a?", "[ab]", "a/b", "a\n", "\xc3\xa4"}) {
    EXPECT_FALSE(ModelPattern::Parse(text).has_value()) << text;
  }
  EXPECT_TRUE(ModelPattern::Parse(std::string(63, 'a')).has_value());
  EXPECT_FALSE(ModelPattern::Parse(std::string(64, 'a')).has_value());
}

// The definition, slow and obvious.
bool SlowMatches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    return SlowMatches(pattern.substr(1), name) ||
           (!name.empty() && SlowMatches(pattern, name.substr(1)));
  }
  return !name.empty() && pattern[0] == name[0] && SlowMatches(pattern.substr(1), name.substr(1));
}

TEST(ModelPatternTest, MatchesAsItsDefinitionDoes) {
  std::mt19937 random(1);
  const auto text = [&random](std::string_view letters, int most) {
    std::string drawn(1 + random() % static_cast<unsigned>(most), 'a');
    for (char& c : drawn) c = letters[random() % letters.size()];
    return drawn;
  };
  int matches = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string pattern = text("ab*", 7);
    const std::string name = text("ab", 9);
    ASSERT_EQ(Matches(pattern, name), SlowMatches(pattern, name)) << pattern << " " << name;
    matches += Matches(pattern, name);
  }
  EXPECT_GT(matches, 1000);
}

}  // namespace
}  // namespace descent::access
