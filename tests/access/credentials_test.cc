#include "server/access/credentials.h"

#include <string>

#include "absl/strings/escaping.h"
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

TEST(CredentialsTest, ABrowserShowsATokenAsAPassword) {
  const auto basic = [](const std::string& text) { return "Basic " + absl::Base64Escape(text); };
  for (const std::string& header :
       {std::string("Bearer dsc_abc"), basic("me:dsc_abc"), basic(":dsc_abc"),
        "bAsIc  " + absl::Base64Escape("x:dsc_abc")}) {
    EXPECT_THAT(ReadHttpAuthorization(header), IsOkAndHolds(Sha256("dsc_abc"))) << header;
  }
  const std::string longest(kMostTokenBytes, 'a');
  EXPECT_THAT(ReadHttpAuthorization(basic(":" + longest)), IsOkAndHolds(Sha256(longest)));
  const struct {
    std::string header;
    const char* got;
  } cases[] = {
      {"", "got nothing"},
      {"Digest secret", "got another scheme"},
      {"Basic", "got Basic credentials without a password"},
      {"Basic secret!", "that are not in base64"},
      {basic("secret"), "got Basic credentials without a password"},
      {basic("secret:"), "got no token"},
      {basic("me:secret:secret"), "got a token with characters other than"},
      {basic("me:secret\n"), "got a token with characters other than"},
      {basic(":" + longest + "a"), "got a token of more than 1024 bytes"},
  };
  for (const auto& [header, got] : cases) {
    const auto digest = ReadHttpAuthorization(header);
    EXPECT_THAT(digest, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr(got))) << header;
    EXPECT_THAT(digest, ReasonIs("CREDENTIALS_MALFORMED")) << header;
    EXPECT_THAT(digest.status().ToString(), Not(HasSubstr("secret")));
  }
}

}  // namespace
}  // namespace descent::access
