#include "server/access/credentials.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace descent::access {
namespace {

using ::descent::testing::IsOkAndHolds;
using ::descent::testing::ReasonIs;
using ::descent::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(CredentialsTest, ATokenComesAsBearerOfAnyCase) {
  for (const char* header : {"Bearer dsc_abc", "bearer dsc_abc", "BEARER dsc_abc", "bEaReR dsc_abc",
                             "Bearer   dsc_abc"}) {
    EXPECT_THAT(ReadAuthorization(header), IsOkAndHolds(Sha256("dsc_abc"))) << header;
  }
  EXPECT_THAT(ReadAuthorization("Bearer aZ0-._~+/=="), IsOkAndHolds(Sha256("aZ0-._~+/==")));
}

TEST(CredentialsTest, RefusesWhatIsNoTokenWithoutRepeatingIt) {
  const std::string longest(kMostTokenBytes, 'a');
  EXPECT_THAT(ReadAuthorization("Bearer " + longest), IsOkAndHolds(Sha256(longest)));
  const struct {
    std::string header;
    const char* got;
  } cases[] = {
      {"", "got nothing"},
      {"Bearer", "got no token"},
      {"Bearer ", "got no token"},
      {"Bearer    ", "got no token"},
      {"secret", "got another scheme"},
      {"Basic secret", "got another scheme"},
      {"Bearersecret", "got another scheme"},
      {" Bearer secret", "got another scheme"},
      {"Bearer\tsecret", "got another scheme"},
      {"Bearer " + longest + "a", "got a token of more than 1024 bytes"},
      {"Bearer secret ", "got a token with characters other than"},
      {"Bearer secret,Bearer secret", "got a token with characters other than"},
      {"Bearer secret\n", "got a token with characters other than"},
      {std::string("Bearer secret\0", 14), "got a token with characters other than"},
      {"Bearer secret\xc3\xa4", "got a token with characters other than"},
  };
  for (const auto& [header, got] : cases) {
    const auto digest = ReadAuthorization(header);
    EXPECT_THAT(digest, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr(got))) << header;
    EXPECT_THAT(digest, ReasonIs("CREDENTIALS_MALFORMED")) << header;
    EXPECT_THAT(digest.status().ToString(), Not(HasSubstr("secret")));
  }
}

}  // namespace
}  // namespace descent::access
