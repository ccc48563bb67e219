#include "core/buffer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "gtest/gtest.h"

namespace descent {
namespace {

// Whether all readable bytes behind the elements are zero.
bool PaddingIsZero(const Buffer& buffer) {
  return std::all_of(buffer.bytes() + buffer.byte_size(), buffer.bytes() + buffer.capacity(),
                     [](std::byte byte) { return byte == std::byte{0}; });
}

// A used block of about that size is what an allocation is likely to get.
void LeaveRubbish(std::int64_t size) {
  Buffer used(DataType::kFloat32, size);
  std::fill_n(used.bytes(), used.capacity(), std::byte{0xff});
}

class BufferTest : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(BufferTest, PaddingIsZeroHoweverItWasMade) {
  const std::int64_t size = GetParam();
  LeaveRubbish(size);
  Buffer zero(DataType::kFloat32, size);
  EXPECT_TRUE(PaddingIsZero(zero));
  for (std::int64_t i = 0; i < size; ++i) ASSERT_EQ(zero.At(i), 0);

  LeaveRubbish(size);
  Buffer written = Buffer::ForOverwrite(DataType::kFloat32, size);
  EXPECT_EQ(written.size(), size);
  EXPECT_GE(written.capacity(), written.byte_size() + kPadding);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(written.bytes()) % kAlignment, 0);
  EXPECT_TRUE(PaddingIsZero(written));
  for (std::int64_t i = 0; i < size; ++i) written.Set(i, static_cast<double>(i + 1));
  EXPECT_TRUE(PaddingIsZero(written));

  LeaveRubbish(size);
  const Buffer copy = written.Clone();
  EXPECT_TRUE(PaddingIsZero(copy));
  for (std::int64_t i = 0; i < size; ++i) ASSERT_EQ(copy.At(i), i + 1);
}

// One line and a bit; what is allocated in whole huge pages.
INSTANTIATE_TEST_SUITE_P(Sizes, BufferTest, ::testing::Values(0, 1, 17, 1000, (1 << 20) + 3));

TEST(BufferResizeTest, ShrinkingLeavesZeroBehindTheElements) {
  Buffer buffer(DataType::kFloat32, 100);
  for (std::int64_t i = 0; i < 100; ++i) buffer.Set(i, 1);
  buffer.Resize(DataType::kFloat32, 60);
  for (std::size_t i = 0; i < kPadding; ++i) {
    EXPECT_EQ(buffer.bytes()[buffer.byte_size() + i], std::byte{0}) << i;
  }
}

TEST(MatrixTest, ForOverwriteHasTheShape) {
  const Matrix matrix = Matrix::ForOverwrite(DataType::kFloat64, 3, 5);
  EXPECT_EQ(matrix.rows(), 3);
  EXPECT_EQ(matrix.cols(), 5);
  EXPECT_EQ(matrix.size(), 15);
  EXPECT_EQ(matrix.type(), DataType::kFloat64);
}

}  // namespace
}  // namespace descent
