#include "client/cli/commands/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "client/cli/failure.h"
#include "client/descent/tensor.h"
#include "tests/cli/message.h"

namespace descent::cli {
namespace {

using client::TensorValues;
using testing::ElementsAre;
using testing::StartsWith;

NamedTensors Example() {
  NamedTensors parameters;
  v1::NamedTensor& kernel = *parameters.Add();
  kernel.set_name("layers.0.kernel");
  *kernel.mutable_tensor() = client::MatrixTensor<float>({3, 0.1F, 0, -4}, 2);
  v1::NamedTensor& bias = *parameters.Add();
  bias.set_name("layers.0.bias");
  *bias.mutable_tensor() = client::VectorTensor<float>({0.25F});
  return parameters;
}

TEST(ParametersTest, AreJson) {
  EXPECT_EQ(ParametersJson(Example(), false)->at(1).dump(),
            R"({"name":"layers.0.bias","shape":[1],"norm":0.25})");
  EXPECT_EQ(ParametersJson(Example(), true)->at(1).dump(),
            R"({"name":"layers.0.bias","shape":[1],"norm":0.25,"values":[0.25]})");
}

TEST(ParametersTest, WithoutElementsAreALineWithoutARange) {
  NamedTensors parameters;
  parameters.Add()->set_name("layers.0.kernel");
  *parameters.Mutable(0)->mutable_tensor() = client::VectorTensor<float>({});
  ::testing::internal::CaptureStdout();
  const absl::Status status = PrintParameters(parameters, true);
  const std::string printed = ::testing::internal::GetCapturedStdout();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(printed, testing::HasSubstr("layers.0.kernel  [0]"));
}

TEST(ParametersTest, ComeBackToTheLastBit) {
  const std::string text = ParametersJson(Example(), true)->dump();
  const auto parameters = ParametersFromJson("p.json", text, v1::DATA_TYPE_FLOAT32).value();
  ASSERT_EQ(parameters.size(), 2U);
  EXPECT_EQ(parameters[0].name(), "layers.0.kernel");
  EXPECT_EQ(parameters[0].tensor().data_type(), v1::DATA_TYPE_FLOAT32);
  EXPECT_THAT(parameters[0].tensor().shape(), ElementsAre(2, 2));
  EXPECT_THAT(TensorValues<float>(parameters[0].tensor()).value(), ElementsAre(3, 0.1F, 0, -4));
}

TEST(ParametersTest, AreReadFromAnAnswerAsAWhole) {
  const auto parameters = ParametersFromJson("p.json", R"({"step": 3, "parameters": [
          {"name": "layers.0.bias", "shape": [2], "values": [0.1, 2]}]})",
                                             v1::DATA_TYPE_FLOAT64)
                              .value();
  ASSERT_EQ(parameters.size(), 1U);
  EXPECT_THAT(TensorValues<double>(parameters[0].tensor()).value(), ElementsAre(0.1, 2));
}

TEST(ParametersTest, RefuseAnythingElse) {
  for (const char* text : {"", "{}", "[1]", R"([{"name": "x"}])", R"({"parameters": 3})",
                           R"([{"name": "x", "shape": [1], "values": ["a"]}])"}) {
    const absl::Status status = ParametersFromJson("p.json", text, v1::DATA_TYPE_FLOAT32).status();
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kBadData) << text;
    EXPECT_THAT(Message(status), StartsWith("p.json: "));
  }
}

SparseTensors Sparse() {
  SparseTensors tables;
  v1::SparseRows& table = *tables.Add();
  table.set_name("embeddings.shop");
  table.add_rows(3);
  table.add_rows(900);
  *table.mutable_values() = client::MatrixTensor<float>({3, 0, 0, -4}, 2);
  return tables;
}

TEST(ParametersTest, RowsOfTablesHaveTheirNumbers) {
  EXPECT_EQ(SparseJson(Sparse(), false)->at(0).dump(),
            R"({"name":"embeddings.shop","rows":[3,900],"norm":5.0})");
  EXPECT_EQ(SparseJson(Sparse(), true)->at(0).dump(),
            R"({"name":"embeddings.shop","rows":[3,900],"norm":5.0,"values":[3.0,0.0,0.0,-4.0]})");
  ::testing::internal::CaptureStdout();
  EXPECT_TRUE(PrintSparse(Sparse(), true).ok());
  EXPECT_EQ(::testing::internal::GetCapturedStdout(),
            "embeddings.shop: 2 rows, norm 5.000\n       3: 3 0\n     900: 0 -4\n");
  SparseTensors none;
  none.Add()->set_name("embeddings.shop");
  EXPECT_EQ(SparseJson(none, true)->at(0).dump(),
            R"({"name":"embeddings.shop","rows":[],"norm":0.0,"values":[]})");
}

TEST(ParametersTest, RefuseOtherRowsThanTheAnswerSays) {
  SparseTensors tables = Sparse();
  tables.Mutable(0)->add_rows(901);
  EXPECT_EQ(SparseJson(tables, true).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(PrintSparse(tables, true).code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace descent::cli
