#include "client/descent/tensor.h"

#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <typename T>
class TensorTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double, int32_t, int64_t, uint8_t>;
TYPED_TEST_SUITE(TensorTest, ElementTypes);

TYPED_TEST(TensorTest, RoundTrips) {
  const std::vector<TypeParam> values = {1, 2, 3, 4, 5, 6};
  const v1::Tensor tensor = MatrixTensor<TypeParam>(values, 3);
  EXPECT_THAT(tensor.shape(), ElementsAre(2, 3));
  EXPECT_EQ(tensor.raw().size(), 6 * sizeof(TypeParam));
  EXPECT_EQ(*TensorValues<TypeParam>(tensor), values);
}

TYPED_TEST(TensorTest, ConvertsToOtherTypes) {
  const v1::Tensor tensor = VectorTensor<TypeParam>({7, 8});
  EXPECT_THAT(*TensorValues<double>(tensor), ElementsAre(7.0, 8.0));
  EXPECT_THAT(*TensorValues<int64_t>(tensor), ElementsAre(7, 8));
}

TEST(TensorValuesTest, ReadsEveryEncoding) {
  v1::Tensor tensor;
  tensor.add_shape(2);
  tensor.set_data_type(v1::DATA_TYPE_FLOAT32);
  tensor.mutable_floats()->add_values(1.5F);
  tensor.mutable_floats()->add_values(2.5F);
  EXPECT_THAT(*TensorValues<double>(tensor), ElementsAre(1.5, 2.5));

  tensor.set_data_type(v1::DATA_TYPE_FLOAT64);
  tensor.mutable_doubles()->add_values(1.5);
  tensor.mutable_doubles()->add_values(2.5);
  EXPECT_THAT(*TensorValues<float>(tensor), ElementsAre(1.5F, 2.5F));

  tensor.set_data_type(v1::DATA_TYPE_UINT8);
  tensor.mutable_ints()->add_values(1);
  tensor.mutable_ints()->add_values(2);
  EXPECT_THAT(*TensorValues<float>(tensor), ElementsAre(1, 2));
}

TEST(TensorValuesTest, ReadsScalarsAndEmptyTensors) {
  EXPECT_THAT(*TensorValues<float>(MakeTensor<float>({3}, {})), ElementsAre(3));
  EXPECT_THAT(*TensorValues<float>(MakeTensor<float>({}, {0, 5})), IsEmpty());
}

TEST(TensorValuesTest, RefusesWhatDoesNotFit) {
  const auto refused = [](const v1::Tensor& tensor) {
    return TensorValues<float>(tensor).status().code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused(v1::Tensor()));
  EXPECT_TRUE(refused(MakeTensor<float>({1, 2}, {3})));
  EXPECT_TRUE(refused(MakeTensor<float>({}, {3})));
  EXPECT_TRUE(refused(MakeTensor<float>({1}, {0})));
  EXPECT_TRUE(refused(MakeTensor<float>({1, 2}, {-1, -2})));
  EXPECT_TRUE(refused(MakeTensor<float>({1, 2}, {int64_t{1} << 62, 4, 2})));

  v1::Tensor cut_off = VectorTensor<float>({1, 2});
  cut_off.mutable_raw()->pop_back();
  EXPECT_TRUE(refused(cut_off));

  v1::Tensor wrong_type = VectorTensor<float>({1, 2});
  wrong_type.mutable_doubles()->add_values(1);
  EXPECT_TRUE(refused(wrong_type));

  v1::Tensor unknown = VectorTensor<float>({1, 2});
  unknown.set_data_type(v1::DATA_TYPE_FLOAT16);
  EXPECT_TRUE(refused(unknown));
}

}  // namespace
}  // namespace descent::client
