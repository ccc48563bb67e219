#include "server/wire/element_type.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"

namespace descent::wire {
namespace {

TEST(ElementTypeTest, EveryDataTypeOfTheContractHasItsRow) {
  const auto* descriptor = v1::DataType_descriptor();
  ASSERT_EQ(ElementTypes().size(), static_cast<std::size_t>(descriptor->value_count() - 1));
  for (int i = 1; i < descriptor->value_count(); ++i) {
    const auto* row = FindElementType(static_cast<v1::DataType>(descriptor->value(i)->number()));
    ASSERT_NE(row, nullptr) << descriptor->value(i)->name();
    EXPECT_EQ("DATA_TYPE_" + std::string(row->name), descriptor->value(i)->name());
  }
  EXPECT_EQ(FindElementType(v1::DATA_TYPE_UNSPECIFIED), nullptr);
  EXPECT_EQ(FindElementType(static_cast<v1::DataType>(99)), nullptr);
}

// The value of a binary16 by its definition.
double HalfByDefinition(int bits) {
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  const int exponent = (bits >> 10) & 0x1f;
  const int fraction = bits & 0x3ff;
  if (exponent == 31) {
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

// The value of a bfloat16 by its definition.
double BFloatByDefinition(int bits) {
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  const int exponent = (bits >> 7) & 0xff;
  const int fraction = bits & 0x7f;
  if (exponent == 255) {
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, -133);
  return sign * std::ldexp(128 + fraction, exponent - 134);
}

// Every one of the 65536 values, alone.
void CheckAllHalves(v1::DataType data_type, double (*by_definition)(int)) {
  const ElementType& type = *FindElementType(data_type);
  for (int bits = 0; bits < 65536; ++bits) {
    const auto element = static_cast<std::uint16_t>(bits);
    char bytes[2];
    std::memcpy(bytes, &element, 2);
    const double expected = by_definition(bits);
    float single = 0;
    double wide = 0;
    const std::int64_t bad_single = type.to_float32(bytes, 1, &single);
    const std::int64_t bad_wide = type.to_float64(bytes, 1, &wide);
    ASSERT_EQ(bad_single, std::isfinite(expected) ? -1 : 0) << bits;
    ASSERT_EQ(bad_wide, std::isfinite(expected) ? -1 : 0) << bits;
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(single) && std::isnan(wide)) << bits;
    } else {
      ASSERT_EQ(single, expected) << bits;
      ASSERT_EQ(wide, expected) << bits;
      ASSERT_EQ(std::signbit(wide), std::signbit(expected)) << bits;
    }
  }
}

TEST(ElementTypeTest, HalvesAreWhatTheirDefinitionSays) {
  CheckAllHalves(v1::DATA_TYPE_FLOAT16, HalfByDefinition);
}

TEST(ElementTypeTest, BrainFloatsAreWhatTheirDefinitionSays) {
  CheckAllHalves(v1::DATA_TYPE_BFLOAT16, BFloatByDefinition);
}

// Elements at an odd address, as they lie in a message.
template <typename T>
std::vector<double> ConvertUnaligned(v1::DataType data_type, const std::vector<T>& elements) {
  std::string bytes(1 + elements.size() * sizeof(T), '\0');
  std::memcpy(bytes.data() + 1, elements.data(), elements.size() * sizeof(T));
  std::vector<double> out(elements.size());
  EXPECT_EQ(FindElementType(data_type)->to_float64(
                bytes.data() + 1, static_cast<std::int64_t>(elements.size()), out.data()),
            -1);
  return out;
}

TEST(ElementTypeTest, ReadsEveryWidthFromAnyAddress) {
  using ::testing::ElementsAre;
  EXPECT_THAT(ConvertUnaligned<float>(v1::DATA_TYPE_FLOAT32, {-1.5F, 0x1p-149F}),
              ElementsAre(-1.5, 0x1p-149));
  EXPECT_THAT(ConvertUnaligned<double>(v1::DATA_TYPE_FLOAT64, {0.1, -1e300}),
              ElementsAre(0.1, -1e300));
  EXPECT_THAT(ConvertUnaligned<std::int32_t>(v1::DATA_TYPE_INT32, {-7, 2147483647}),
              ElementsAre(-7, 2147483647));
  EXPECT_THAT(ConvertUnaligned<std::int64_t>(v1::DATA_TYPE_INT64, {-7, std::int64_t{1} << 53}),
              ElementsAre(-7, 0x1p53));
  EXPECT_THAT(ConvertUnaligned<std::uint8_t>(v1::DATA_TYPE_UINT8, {0, 255}), ElementsAre(0, 255));
}

TEST(ElementTypeTest, FindsTheFirstNonFiniteElementWhereverItIs) {
  const ElementType& type = *FindElementType(v1::DATA_TYPE_FLOAT32);
  const float bad_values[] = {std::numeric_limits<float>::quiet_NaN(),
                              std::numeric_limits<float>::infinity(),
                              -std::numeric_limits<float>::infinity()};
  constexpr std::int64_t kCount = 5000;
  // Both ends, and both sides of what a loop may treat as a block.
  for (const std::int64_t place : {0, 1, 15, 16, 1023, 1024, 1025, 4095, 4096, 4998, 4999}) {
    for (const float bad : bad_values) {
      std::vector<float> elements(kCount, std::numeric_limits<float>::max());
      elements[static_cast<std::size_t>(place)] = bad;
      elements.back() = bad;
      std::vector<float> out(kCount);
      EXPECT_EQ(type.to_float32(reinterpret_cast<const char*>(elements.data()), kCount, out.data()),
                place);
    }
  }
}

TEST(ElementTypeTest, AValueBeyondTheTargetTypeIsNotFinite) {
  const double elements[] = {1e38, -1e39};
  float out[2];
  EXPECT_EQ(FindElementType(v1::DATA_TYPE_FLOAT64)
                ->to_float32(reinterpret_cast<const char*>(elements), 2, out),
            1);
}

TEST(ElementTypeTest, KnowsWhichConversionsLoseNothing) {
  const auto lossless = [](v1::DataType from, DataType to) {
    return IsLossless(*FindElementType(from), to);
  };
  for (const v1::DataType from : {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT16,
                                  v1::DATA_TYPE_BFLOAT16, v1::DATA_TYPE_UINT8}) {
    EXPECT_TRUE(lossless(from, DataType::kFloat32)) << v1::DataType_Name(from);
    EXPECT_TRUE(lossless(from, DataType::kFloat64)) << v1::DataType_Name(from);
  }
  for (const v1::DataType from : {v1::DATA_TYPE_FLOAT64, v1::DATA_TYPE_INT32}) {
    EXPECT_FALSE(lossless(from, DataType::kFloat32)) << v1::DataType_Name(from);
    EXPECT_TRUE(lossless(from, DataType::kFloat64)) << v1::DataType_Name(from);
  }
  EXPECT_FALSE(lossless(v1::DATA_TYPE_INT64, DataType::kFloat64));
}

}  // namespace
}  // namespace descent::wire
