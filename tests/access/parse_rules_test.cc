#include "server/access/parse_rules.h"

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/access/token_digest.h"
#include "tests/support/status_matchers.h"

namespace descent::access {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::StatusIs;
using ::descent::testing::TokenDigest;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Entry(const std::string& fields) { return absl::StrCat("[[caller]]\n", fields); }

std::string TokenOf(const std::string& token) {
  return absl::StrCat("token_sha256 = \"", TokenDigest(token), "\"\n");
}

TEST(ParseRulesTest, ReadsCallers) {
  const auto rules = ParseRules(
      absl::StrCat("# who may do what\n",
                   Entry(absl::StrCat("name = \"pricing-trainer\"\n", TokenOf("one"),
                                      "role = \"trainer\"\nmodels = [\"pricing-*\", 'rates']\n")),
                   Entry("name = 'web'\ncertificate = 'spiffe://example/web'\nrole = 'reader'\n"),
                   Entry("name = 'web'\ncertificate = 'CN=ops,O=Example'\nrole = 'admin'\n")),
      "access.toml");
  ASSERT_THAT(rules, IsOk());
  EXPECT_EQ(rules->size(), 3);
  const Caller* const trainer = rules->Find(Sha256("one"));
  ASSERT_NE(trainer, nullptr);
  EXPECT_EQ(trainer->name, "pricing-trainer");
  EXPECT_EQ(trainer->role, Role::kTrainer);
  EXPECT_TRUE(trainer->MayUse("pricing-eu"));
  EXPECT_TRUE(trainer->MayUse("rates"));
  EXPECT_FALSE(trainer->MayUse("salaries"));
  const Caller* const web = rules->Find(CertificateNames{{"spiffe://example/web"}});
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(web->role, Role::kReader);
  EXPECT_TRUE(web->may_use_every_model());
  EXPECT_EQ(rules->Find(CertificateNames{{"CN=ops,O=Example"}})->role, Role::kAdmin);
}

TEST(ParseRulesTest, ReadsWhatIsDifferentForACallerInItsLimits) {
  const auto rules =
      ParseRules(Entry("name = 'a'\nrole = 'reader'\ncertificate = 'a'\nmax_calls = 100\n"
                       "calls_per_second = 1000\nmax_mib = 64\n") +
                     Entry("name = 'b'\nrole = 'reader'\ncertificate = 'b'\nmax_mib = 0\n"),
                 "f");
  ASSERT_THAT(rules, IsOk());
  const services::LimitOverrides& a = rules->Find(CertificateNames{{"a"}})->limits;
  EXPECT_EQ(a.calls, 100);
  EXPECT_EQ(a.per_second, 1000);
  EXPECT_EQ(a.bytes, std::size_t{64} << 20);
  const services::LimitOverrides& b = rules->Find(CertificateNames{{"b"}})->limits;
  EXPECT_EQ(b.bytes, 0);
  EXPECT_EQ(b.calls, std::nullopt);
  EXPECT_EQ(b.per_second, std::nullopt);
}

TEST(ParseRulesTest, ReadsCallersWrittenAsAListToo) {
  EXPECT_THAT(ParseRules("caller = [{name = 'a', role = 'reader', certificate = 'x'}]", "f"),
              IsOk());
}

// Each message names the file, the line, the field, what was expected and what came.
TEST(ParseRulesTest, SaysWhereTheFileIsWrong) {
  const std::string hex = TokenDigest("one");
  const std::string good = absl::StrCat("name = 'a'\nrole = 'reader'\n", TokenOf("one"));
  const struct {
    std::string text;
    std::string message;
  } cases[] = {
      {"", "f.toml: expected at least one [[caller]], got none"},
      {"# nothing\n", "f.toml: expected at least one [[caller]], got none"},
      {"caller = []", "f.toml: expected at least one [[caller]], got none"},
      {"[caller]\nname = 'a'\n",
       "f.toml:1: caller: expected [[caller]], a list of tables, got a table"},
      {"caller = 3", "f.toml:1: caller: expected [[caller]], a list of tables, got a number"},
      {"caller = ['a']", "f.toml:1: caller[0]: expected a table, got text"},
      {"[[callers]]\n" + good, "f.toml:1: expected [[caller]] and nothing else, got 'callers'"},
      {Entry(good) + "[defaults]\n",
       "f.toml:5: expected [[caller]] and nothing else, got 'defaults'"},
      {Entry("role = 'reader'\n" + TokenOf("one")),
       "f.toml:1: caller[0]: expected a name, got none"},
      {Entry("name = 'a'\n" + TokenOf("one")), "f.toml:1: caller[0]: expected a role, got none"},
      {Entry("name = 'a'\nrole = 'reader'\n"),
       "f.toml:1: caller[0]: expected token_sha256 or certificate, got neither"},
      {Entry(good + "certificate = 'x'\n"),
       "caller[0]: expected either token_sha256 or certificate, got both; a caller that has both "
       "is "
       "two entries"},
      {Entry(good + "model = ['x']\n"),
       "f.toml:5: caller[0]: expected name, token_sha256, certificate, role, models, "
       "max_calls, calls_per_second and max_mib, got "
       "'model'"},
      {Entry(good + "max_calls = -1\n"),
       "f.toml:5: caller[0].max_calls: expected a whole number from 0, which is no limit, to "
       "16777216, got -1"},
      {Entry(good + "calls_per_second = 16777217\n"),
       "f.toml:5: caller[0].calls_per_second: expected a whole number from 0"},
      {Entry(good + "max_mib = '64'\n"),
       "f.toml:5: caller[0].max_mib: expected a whole number from 0, which is no limit, to "
       "16777216, got text"},
      {Entry(good + "max_mib = 1.5\n"), "to 16777216, got a number"},
      {Entry(good + "models = 'x'\n"),
       "f.toml:5: caller[0].models: expected a list of patterns, got text"},
      {Entry(good + "models = []\n"),
       "f.toml:5: caller[0].models: expected 1 to 256 patterns, got 0; without it, every model may "
       "be "
       "used"},
      {Entry(good + "models = ['a', 'B']\n"),
       "f.toml:5: caller[0].models[1]: expected 1 to 63 of a-z, 0-9, '.', '_', '-' and '*', got "
       "'B'"},
      {Entry(good + "models = [1]\n"),
       "f.toml:5: caller[0].models[0]: expected text in quotes, got a number"},
      {Entry(good) + Entry("name = 'b'\nrole = 'writer'\ncertificate = 'x'\n"),
       "f.toml:7: caller[1].role: expected reader, trainer or admin, got 'writer'"},
      {Entry("role = true"),
       "f.toml:2: caller[0].role: expected text in quotes, got true or false"},
      {Entry("name = ''"),
       "f.toml:2: caller[0].name: expected 1 to 64 letters, digits and ._-@:/, got ''"},
      {Entry("name = \"a\\nb\""),
       "f.toml:2: caller[0].name: expected 1 to 64 letters, digits and ._-@:/, got 'a\\nb'"},
      {Entry("name = 2026-01-31"), "caller[0].name: expected text in quotes, got a date or time"},
      {Entry("token_sha256 = '" + hex.substr(1) + "'"),
       "f.toml:2: caller[0].token_sha256: expected the 64 hexadecimal digits of the token's "
       "SHA-256, as "
       "`descent token` prints them, got 63 bytes that are no such digits"},
      {Entry("certificate = ''"),
       "f.toml:2: caller[0].certificate: expected a SAN or a subject such as 'CN=pricing', of 1 to "
       "1024 printable bytes, got ''"},
      {Entry("certificate = \"a\\u0000b\""), "printable bytes, got 'a\\x00\\x62'"},
      {Entry(good) + Entry("name = 'b'\nrole = 'reader'\ntoken_sha256 = '" +
                           absl::AsciiStrToUpper(hex) + "'\n"),
       "f.toml:8: caller[1].token_sha256: expected one that no other caller has, got that of "
       "caller[0]"},
      {Entry("name = 'a'\nrole = 'reader'\ncertificate = 'x'\n") +
           Entry("name = 'b'\nrole = 'reader'\ncertificate = 'x'\n"),
       "f.toml:8: caller[1].certificate: expected one that no other caller has, got that of "
       "caller[0]"},
      {Entry(good + "role = 'admin'\n"), "f.toml:5"},
      {Entry("name = a"), "f.toml:2:8: expected TOML; "},
      {"\u00e9 = 1", "f.toml:1:1: expected TOML; "},
      {"a \u00f8 = 1", "f.toml:1:3: expected TOML; "},
      {"a = \u00f8", "f.toml:1:5: expected TOML; "},
      {"[!]", "f.toml:1:2: expected TOML; "},
      {"[[!]]", "f.toml:1:3: expected TOML; "},
      {"caller = [", "f.toml:1:"},
      {"\xff\xfe", "f.toml:1:1: expected TOML; "},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_THAT(ParseRules(text, "f.toml"),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << text;
  }
}

// Whoever mistakes a token for its digest must not find it in the log.
TEST(ParseRulesTest, RepeatsNoTokenThatStandsWhereItDoesNotBelong) {
  const std::string token = "dsc_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE";
  for (const std::string& text :
       {Entry("token_sha256 = '" + token + "'"), Entry("token_sha256 = " + token),
        Entry("token = '" + token + "'"), Entry(token + " = 1"), Entry("'" + token + "' = 1"),
        Entry("name = '" + token + "!'"), Entry("role = '" + token + "'"),
        Entry("models = ['" + token + "']"), Entry("certificate = \"" + token + "\\u0001\""),
        token + " = 1", token, absl::StrCat("[", token, "]\n[", token, "]"),
        Entry(absl::StrCat("a.", token, " = 1\na.", token, " = 1"))}) {
    const auto rules = ParseRules(text, "f.toml");
    ASSERT_FALSE(rules.ok()) << text;
    EXPECT_THAT(std::string(rules.status().message()), Not(HasSubstr("Zm9v"))) << text;
  }
}

TEST(ParseRulesTest, BoundsTheNumberOfCallersAndPatterns) {
  std::string text;
  for (std::size_t i = 0; i < kMostCallers; ++i) {
    absl::StrAppend(&text, Entry("name = 'a'\nrole = 'reader'\ncertificate = 'x"), i, "'\n");
  }
  EXPECT_THAT(ParseRules(text, "f"), IsOk());
  absl::StrAppend(&text, Entry("name = 'a'\nrole = 'reader'\ncertificate = 'y'\n"));
  EXPECT_THAT(ParseRules(text, "f"), StatusIs(absl::StatusCode::kInvalidArgument,
                                              HasSubstr("expected at most 1024, got 1025")));
  std::string patterns = "models = [";
  for (std::size_t i = 0; i <= kMostPatterns; ++i) absl::StrAppend(&patterns, "'a', ");
  EXPECT_THAT(ParseRules(Entry(patterns + "]"), "f"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("256 patterns, got 257")));
}

TEST(ParseRulesTest, ADeepNestIsAnError) {
  EXPECT_FALSE(ParseRules("caller = " + std::string(100000, '['), "f").ok());
}

}  // namespace
}  // namespace descent::access
