#include "server/access/digest.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace descent::access {
namespace {

// FIPS 180-2, appendix B.1.
constexpr char kOfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(DigestTest, IsSha256) {
  EXPECT_EQ(DigestFromHex(kOfAbc), Sha256("abc"));
  EXPECT_NE(Sha256("abc"), Sha256("abd"));
}

TEST(DigestTest, IsReadFromDigitsOfEitherCase) {
  EXPECT_EQ(DigestFromHex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
            Sha256("abc"));
}

TEST(DigestTest, RefusesWhatIsNoDigest) {
  const std::string good = kOfAbc;
  for (const std::string& text :
       {std::string(), good.substr(1), good + "0", "x" + good.substr(1), " " + good.substr(1),
        "0x" + good.substr(2), good.substr(0, 63) + '\0'}) {
    EXPECT_EQ(DigestFromHex(text), std::nullopt) << text;
  }
}

TEST(DigestTest, EveryBitCounts) {
  const Digest digest = Sha256("abc");
  EXPECT_EQ(SameDigest(digest, Sha256("abc")), 1);
  for (std::size_t byte = 0; byte < digest.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      Digest other = digest;
      other[byte] = static_cast<std::uint8_t>(other[byte] ^ (1 << bit));
      ASSERT_EQ(SameDigest(digest, other), 0) << byte << " " << bit;
    }
  }
}

}  // namespace
}  // namespace descent::access
