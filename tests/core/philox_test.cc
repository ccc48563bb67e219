#include "core/philox.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace descent {
namespace {

// Known answers from the authors' Random123 distribution (kat_vectors, philox4x32 10).
TEST(PhiloxTest, KnownAnswers) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(PhiloxTest, NumbersDependOnSeedStreamAndIndex) {
  const PhiloxStream stream(1, 2);
  EXPECT_EQ(stream.Uniform(5), PhiloxStream(1, 2).Uniform(5));
  EXPECT_NE(stream.Uniform(5), stream.Uniform(6));
  EXPECT_NE(stream.Uniform(5), PhiloxStream(1, 3).Uniform(5));
  EXPECT_NE(stream.Uniform(5), PhiloxStream(2, 2).Uniform(5));
  EXPECT_NE(stream.Uniform(5), PhiloxStream(1, 2 + (std::uint64_t{1} << 32)).Uniform(5));
}

TEST(PhiloxTest, ManyNumbersAreThoseOfOneAfterAnother) {
  const PhiloxStream stream(1, 2);
  for (const std::uint64_t begin :
       {std::uint64_t{0}, std::uint64_t{3}, (std::uint64_t{1} << 32) - 7}) {
    for (const std::size_t count : {1, 7, 255, 256, 257, 100'000}) {
      std::vector<double> uniforms(count);
      std::vector<double> normals(count);
      stream.Uniforms(begin, uniforms);
      stream.Normals(begin, normals);
      for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(uniforms[i], stream.Uniform(begin + i));
        ASSERT_EQ(normals[i], InverseNormal(uniforms[i]));
      }
    }
  }
}

TEST(PhiloxTest, UniformHasTheMomentsOfUniform) {
  constexpr int kCount = 200'000;
  const PhiloxStream stream(42, 0);
  double sum = 0;
  double squares = 0;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const double u = stream.Uniform(i);
    ASSERT_GT(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
  }
  EXPECT_NEAR(sum / kCount, 0.5, 4 / std::sqrt(12.0 * kCount));
  EXPECT_NEAR(squares / kCount, 1.0 / 3, 4 * std::sqrt(4.0 / 45 / kCount));
}

TEST(PhiloxTest, NormalHasTheMomentsOfNormal) {
  constexpr int kCount = 200'000;
  const PhiloxStream stream(42, 1);
  double sum = 0;
  double squares = 0;
  double fourth = 0;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const double z = stream.Normal(i);
    sum += z;
    squares += z * z;
    fourth += z * z * z * z;
  }
  EXPECT_NEAR(sum / kCount, 0, 4 / std::sqrt(kCount));
  EXPECT_NEAR(squares / kCount, 1, 4 * std::sqrt(2.0 / kCount));
  EXPECT_NEAR(fourth / kCount, 3, 4 * std::sqrt(96.0 / kCount));
}

// Against Φ computed by the C library, in the middle, both tails and the far tails.
TEST(PhiloxTest, InverseNormalInvertsTheDistributionFunction) {
  for (const double p :
       {1e-300, 1e-20, 1e-10, 1e-5, 0.01, 0.07, 0.08, 0.3, 0.5, 0.7, 0.92, 0.93, 0.99, 0.99999}) {
    const double z = InverseNormal(p);
    const double back = 0.5 * std::erfc(-z / std::sqrt(2.0));
    // A relative error of z becomes one of p about z² times as large.
    EXPECT_NEAR(back / p, 1, 2e-15 * (2 + z * z)) << p;
  }
  EXPECT_EQ(InverseNormal(0.5), 0);
  EXPECT_EQ(InverseNormal(0.25), -InverseNormal(0.75));
}

}  // namespace
}  // namespace descent
