#include <cstdint>
#include <string>
#include <variant>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/format/codec.h"
#include "tests/store/damage.h"
#include "tests/store/format/hex.h"
#include "tests/store/format/random_value.h"
#include "tests/store/format/same_bits.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using descent::testing::IsOk;
using descent::testing::ReasonIs;
using descent::testing::StatusIs;
using ::testing::HasSubstr;

using Answer = decltype(RememberedAnswer::answer);

RememberedAnswer SmallAnswer() {
  RememberedAnswer answer;
  answer.request = {.id = "r", .fingerprint = 0x0123456789abcdef};
  answer.time = absl::FromUnixSeconds(1700000000);
  answer.method = "Step";
  answer.answer =
      UpdateAnswer{.result = {.step = 7, .loss = 0.25, .gradient_norm = 2, .learning_rate = 0.5}};
  return answer;
}

RememberedAnswer SmallAnswerOf(std::size_t type) {
  RememberedAnswer answer = SmallAnswer();
  RandomValue(2).FillAlternative(type, &answer.answer);
  return answer;
}

TEST(AnswerCodecTest, EveryFieldOfEveryTypeRoundTrips) {
  for (std::size_t type = 0; type < std::variant_size_v<Answer>; ++type) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      auto answer = Random<RememberedAnswer>(seed);
      RandomValue(seed).FillAlternative(type, &answer.answer);
      const auto read = DecodeAnswer(EncodeAnswer(answer));
      ASSERT_THAT(read, IsOk());
      EXPECT_TRUE(SameBits(*read, answer));
    }
  }
}

TEST(AnswerCodecTest, IsWrittenAsEver) {
  EXPECT_EQ(Hex(EncodeAnswer(SmallAnswer())),
            "0101"                                // version, type
            "00002a36fe9c9717"                    // time
            "efcdab89674523010100000072"          // request
            "0400000053746570"                    // method
            "0700000000000000000000000000d03f"    // step, loss
            "0000000000000040000000000000e03f");  // gradient norm, learning rate
}

TEST(AnswerCodecTest, CutShortOrLongerIsRefused) {
  for (std::size_t type = 0; type < std::variant_size_v<Answer>; ++type) {
    const std::string whole = EncodeAnswer(SmallAnswerOf(type));
    ForEachTruncation(whole, [](const std::string& cut) {
      ASSERT_THAT(DecodeAnswer(cut), ReasonIs("STORED_STATE_DAMAGED"));
    });
    EXPECT_THAT(DecodeAnswer(whole + '\0'),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("the end is followed by 1 more")));
  }
  EXPECT_THAT(DecodeAnswer(""), ReasonIs("STORED_STATE_DAMAGED"));
}

TEST(AnswerCodecTest, ChangedBytesAreRefusedOrAnotherAnswer) {
  for (std::size_t type = 0; type < std::variant_size_v<Answer>; ++type) {
    ForEachChangedByte(EncodeAnswer(SmallAnswerOf(type)), [](const std::string& bytes) {
      const auto read = DecodeAnswer(bytes);
      if (!read.ok()) {
        ASSERT_THAT(read, ReasonIs("STORED_STATE_DAMAGED"));
        return;
      }
      const auto again = DecodeAnswer(EncodeAnswer(*read));
      ASSERT_THAT(again, IsOk());
      ASSERT_TRUE(SameBits(*again, *read));
    });
  }
}

}  // namespace
}  // namespace descent::store
