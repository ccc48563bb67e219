// `descent token`, against what the server makes of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/access/parse_rules.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/status_matchers.h"

namespace descent::cli {
namespace {

using access::Caller;
using access::NameOf;
using access::ParseRules;
using access::Sha256;
using descent::testing::BinaryDir;
using descent::testing::IsOk;
using descent::testing::Process;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

struct Made {
  int code = 0;
  std::string out;
  std::string err;
  std::string token;  // the first line of what was printed
  std::string entry;  // the rest
};

Made RunToken(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {BinaryDir() + "/bin/descent", "token"});
  Process process(arguments);
  Made made;
  made.code = process.Wait();
  made.out = process.Output();
  made.err = process.ErrorOutput();
  const std::size_t line = std::min(made.out.find('\n'), made.out.size());
  made.token = made.out.substr(0, line);
  made.entry = made.out.substr(line);
  return made;
}

TEST(TokenTest, TheServerKnowsWhatWasMade) {
  for (const char* role : {"reader", "trainer", "admin"}) {
    const Made made =
        RunToken({"--name", "web@x:1/y", "--role", role, "--models", "pricing-*", "rates"});
    EXPECT_EQ(made.code, 0) << made.err;
    EXPECT_THAT(made.token, MatchesRegex("dsc_[-_A-Za-z0-9]{43}"));
    EXPECT_THAT(made.err, Not(HasSubstr(made.token))) << "one place is enough to look after";
    const auto rules = ParseRules(made.entry, "access.toml");
    ASSERT_THAT(rules, IsOk()) << made.entry;
    const Caller* const caller = rules->Find(Sha256(made.token));
    ASSERT_NE(caller, nullptr);
    EXPECT_EQ(caller->name, "web@x:1/y");
    EXPECT_EQ(NameOf(caller->role), role);
    EXPECT_TRUE(caller->MayUse("pricing-eu"));
    EXPECT_FALSE(caller->MayUse("salaries"));
  }
}

TEST(TokenTest, WithoutOptionsItIsAReaderOfEveryModel) {
  const Made one = RunToken({});
  const Made two = RunToken({});
  EXPECT_NE(one.token, two.token);
  const auto rules = ParseRules(one.entry + two.entry, "access.toml");
  ASSERT_THAT(rules, IsOk());
  const Caller* const caller = rules->Find(Sha256(two.token));
  ASSERT_NE(caller, nullptr);
  EXPECT_EQ(caller->role, access::Role::kReader);
  EXPECT_TRUE(caller->may_use_every_model());
  EXPECT_THAT(caller->name, MatchesRegex("caller-[0-9a-f]{8}"));
}

TEST(TokenTest, GoesToAFileThatItsOwnerAloneReads) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/token_test_", getpid());
  const Made made = RunToken({"--file", path});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.out, Not(HasSubstr("dsc_")));
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text, MatchesRegex("dsc_[-_A-Za-z0-9]{43}\n"));
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600);
  const auto rules = ParseRules(made.out, "access.toml");
  ASSERT_THAT(rules, IsOk());
  EXPECT_NE(rules->Find(Sha256(text.substr(0, text.size() - 1))), nullptr);

  const Made again = RunToken({"--file", path});
  EXPECT_EQ(again.code, 64);
  EXPECT_THAT(again.err, HasSubstr("is there already"));
  std::filesystem::remove(path);
  EXPECT_EQ(RunToken({"--file", "/nonexistent/token"}).code, 74);
}

TEST(TokenTest, TellsProgramsToo) {
  const Made made = RunToken({"--json", "--role=trainer", "--models=a"});
  const auto json = nlohmann::json::parse(made.out);
  EXPECT_EQ(json["role"], "trainer");
  EXPECT_EQ(json["models"], nlohmann::json({"a"}));
  const access::Digest digest = Sha256(json["token"].get<std::string>());
  EXPECT_EQ(access::DigestFromHex(json["token_sha256"].get<std::string>()), digest);
}

TEST(TokenTest, RefusesWhatTheServerWould) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--role=writer"},
                                             {"--name=a b"},
                                             {"--name=" + std::string(65, 'a')},
                                             {"--name=a\"b"},
                                             {"--models=A"},
                                             {"--models=a", "b?"},
                                             {"--models=" + std::string(64, 'a')},
                                             {"more"},
                                             {"--server=127.0.0.1:1"}}) {
    EXPECT_EQ(RunToken(arguments).code, 64) << ::testing::PrintToString(arguments);
  }
}

}  // namespace
}  // namespace descent::cli
