// Tables of categorical inputs: what the first layer reads of them, their gradient against central
// differences, and what is refused. That bits depend on rows alone: embeddings_bits_test.cc. How
// tables are updated: table_updates_test.cc.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/layers/kinds.h"
#include "core/network.h"
#include "core/trainer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/categorical_network.h"
#include "tests/support/gradient_point.h"
#include "tests/support/gradients.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"

namespace descent {
namespace {

using testing::CategoricalNetwork;
using testing::CategoriesOf;
using testing::Column;
using ::testing::Combine;
using testing::ExpectGradients;
using testing::FailsAt;
using testing::GradientPoint;
using testing::GradientsOf;
using testing::IsOk;
using testing::MakeNetwork;
using testing::MakePoint;
using testing::MakeTrainer;
using testing::Outputs;
using testing::RandomBatch;
using testing::RandomMatrix;
using testing::SameBits;
using testing::TanhLayer;
using testing::TargetForm;
using ::testing::ValuesIn;
using testing::WholeGradient;
using testing::WithAlgorithm;

// A table with a combiner for each form that RandomCategories makes by turns.
std::vector<CategoricalInputSpec> EveryCombinerInEveryForm() {
  std::vector<CategoricalInputSpec> inputs;
  for (const Combiner combiner : {Combiner::kSum, Combiner::kMean}) {
    for (int i = 0; i < 3; ++i) {
      inputs.push_back({.name = absl::StrCat("input", inputs.size()),
                        .buckets = 4,
                        .dimension = i + 1,
                        .combiner = combiner});
    }
  }
  return inputs;
}

// A network of one table and no others, whose outputs are what is read of it.
NetworkSpec TableAlone(std::int64_t dimension, Combiner combiner, DataType type) {
  return CategoricalNetwork(
      0, {{.name = "color", .buckets = 5, .dimension = dimension, .combiner = combiner}},
      {DropoutSpec{}}, type);
}

Matrix NoNumbers(DataType type, std::int64_t rows) { return Matrix(type, rows, 0); }

TEST(EmbeddingsTest, BlocksAreWeightedSumsAndMeansOfRowsOfTheTable) {
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    for (const Combiner combiner : {Combiner::kSum, Combiner::kMean}) {
      const auto network = MakeNetwork(TableAlone(3, combiner, type));
      const Buffer parameters = network->InitialParameters();
      const Categories categories =
          CategoriesOf(CategoryValues{.buckets = {4, 1, 1, 0, 3, 2},
                                      .row_splits = {0, 1, 1, 4, 6},
                                      .weights = Column(type, {0.25, 2, 0.5, 1, 0, 0})});
      // The same as a sum over the rows of the table.
      const double total = 3.5;
      const bool mean = combiner == Combiner::kMean;
      const std::vector<std::vector<double>> factors = {
          {0, 0, 0, 0, mean ? 1 : 0.25},
          {0, 0, 0, 0, 0},
          {mean ? 1 / total : 1, mean ? 2.5 / total : 2.5, 0, 0, 0},
          {0, 0, 0, 0, 0}};
      const Matrix outputs = Outputs(*network, parameters, NoNumbers(type, 4), categories);
      for (std::int64_t row = 0; row < 4; ++row) {
        for (std::int64_t j = 0; j < 3; ++j) {
          double expected = 0;
          for (std::int64_t k = 0; k < 5; ++k) {
            expected += factors[static_cast<std::size_t>(row)][static_cast<std::size_t>(k)] *
                        parameters.At(3 * k + j);
          }
          EXPECT_NEAR(outputs.At(row, j), expected, type == DataType::kFloat32 ? 1e-6 : 1e-15);
        }
      }
    }
  }
}

// 1 / Σ v is beyond the type; no v / Σ v is.
TEST(EmbeddingsTest, MeansOfTheTiniestWeightsAreMeans) {
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    const double tiny = type == DataType::kFloat32 ? 1e-40 : 1e-310;
    const auto network = MakeNetwork(TableAlone(3, Combiner::kMean, type));
    const Buffer parameters = network->InitialParameters();
    const auto bag = [&](double weight) {
      return CategoriesOf(CategoryValues{
          .buckets = {0, 2}, .row_splits = {0, 2}, .weights = Column(type, {weight, weight})});
    };
    EXPECT_TRUE(SameBits(Outputs(*network, parameters, NoNumbers(type, 1), bag(tiny)),
                         Outputs(*network, parameters, NoNumbers(type, 1), bag(1))));
    Batch batch{.inputs = NoNumbers(type, 1),
                .targets = Matrix(type, 1, 3),
                .weights = {},
                .categories = bag(tiny)};
    auto trainer = MakeTrainer(network, WithAlgorithm(SgdOptions{}, 0.1));
    EXPECT_THAT(trainer->Step(batch), IsOk());
  }
}

TEST(EmbeddingsTest, TablesFollowAllOtherParametersAndLeaveTheirInitialValuesAlone) {
  const std::vector<LayerSpec> layers = {TanhLayer(6), LayerNormSpec{}, TanhLayer(2)};
  NetworkSpec plain = CategoricalNetwork(7, {}, layers);
  NetworkSpec with_tables =
      CategoricalNetwork(3,
                         {{.name = "color", .buckets = 1000, .dimension = 3},
                          {.name = "shape_2",
                           .buckets = 9,
                           .dimension = 1,
                           .initializer = {.kind = InitializerKind::kConstant, .scale = 0.5}}},
                         layers);
  plain.seed = with_tables.seed = 5;
  const auto without = MakeNetwork(plain);
  const auto network = MakeNetwork(with_tables);
  const ParameterLayout& layout = network->layout();
  ASSERT_EQ(layout.parameters().size(), without->layout().parameters().size() + 2);
  EXPECT_EQ(layout.dense_size(), without->layout().size());
  EXPECT_EQ(layout.parameter_count(), without->layout().parameter_count() + 3009);
  const Buffer parameters = network->InitialParameters();
  EXPECT_EQ(std::memcmp(parameters.bytes(), without->InitialParameters().bytes(),
                        without->InitialParameters().byte_size()),
            0);

  const ParameterInfo& color = layout.parameters()[layout.parameters().size() - 2];
  EXPECT_EQ(color.name, "embeddings.color");
  EXPECT_THAT(color.shape, ::testing::ElementsAre(1000, 3));
  EXPECT_TRUE(color.is_table);
  EXPECT_FALSE(color.is_per_unit);
  double sum = 0;
  double squares = 0;
  for (std::int64_t i = color.offset; i < color.offset + color.size; ++i) {
    sum += parameters.At(i);
    squares += parameters.At(i) * parameters.At(i);
  }
  // LECUN_NORMAL with the dimension as its fan_in: the variance is 1 / 3, here to four deviations.
  EXPECT_NEAR(sum / 3000, 0, 0.043);
  EXPECT_NEAR(squares / 3000, 1.0 / 3, 0.035);
  const std::int64_t shape = layout.OffsetOf("embeddings.shape_2");
  for (std::int64_t i = 0; i < 9; ++i) EXPECT_EQ(parameters.At(shape + i), 0.5);
}

// Whatever the point's options are, but for statistics that this holds.
void ExpectCentralDifferences(NetworkSpec spec, bool normalize, bool training) {
  SCOPED_TRACE(::testing::Message() << spec.input_features << " numeric inputs, normalize "
                                    << normalize << ", training " << training);
  if (normalize) spec.input_normalization.emplace();
  GradientPoint point = MakePoint(spec, TargetForm::kValues, /*weighted=*/training);
  InputStatistics statistics(std::max<std::int64_t>(spec.input_features, 1));
  if (normalize) {
    statistics.Merge({}, RandomMatrix(DataType::kFloat64, 9, spec.input_features, 5, -1, 2));
    point.options.statistics = &statistics;
  }
  if (training) point.options.training_step = 3;
  ASSERT_THAT(point.network->ValidateBatch(point.batch), IsOk());
  point.Loss();
  const testing::Gradients gradients =
      GradientsOf(*point.network, point.parameters, point.batch, &point.workspace);
  ASSERT_EQ(gradients.inputs.rows(), testing::kPointRows);
  ASSERT_EQ(gradients.inputs.cols(), spec.input_features);
  ExpectGradients(&point, WholeGradient(*point.network, gradients), gradients.inputs,
                  [&] { return point.Loss(); });
}

TEST(EmbeddingsGradientTest, OfEveryCombinerInEveryFormAgreesWithCentralDifferences) {
  for (const std::int64_t numeric : {0, 3}) {
    for (const bool training : {false, true}) {
      ExpectCentralDifferences(
          CategoricalNetwork(numeric, EveryCombinerInEveryForm(), {TanhLayer(4), TanhLayer(2)}),
          /*normalize=*/false, training);
    }
  }
}

// A layer that keeps a width of 5, as the first: it reads what the tables make of a row.
class FirstLayerGradientTest : public ::testing::TestWithParam<std::tuple<LayerInfo, bool>> {};

TEST_P(FirstLayerGradientTest, AgreesWithCentralDifferences) {
  const auto& [info, in_residual] = GetParam();
  const LayerSpec first = in_residual ? LayerSpec(ResidualSpec{{info.example}}) : info.example;
  const CategoricalInputSpec sum{.name = "sum", .buckets = 4, .dimension = 2};
  const CategoricalInputSpec mean{
      .name = "mean", .buckets = 4, .dimension = 1, .combiner = Combiner::kMean};
  CategoricalInputSpec more = sum;
  more.name = "more";
  for (const std::vector<LayerSpec>& layers :
       {std::vector{first}, std::vector{first, TanhLayer(3)}}) {
    for (const bool training : {false, true}) {
      ExpectCentralDifferences(CategoricalNetwork(0, {sum, mean, more}, layers), false, training);
      ExpectCentralDifferences(CategoricalNetwork(2, {sum, mean}, layers), false, training);
      ExpectCentralDifferences(CategoricalNetwork(2, {sum, mean}, layers), true, training);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, FirstLayerGradientTest,
                         Combine(ValuesIn(std::vector<LayerInfo>(Layers().begin(), Layers().end())),
                                 ::testing::Bool()),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) +
                                  (std::get<1>(test.param) ? "_in_residual" : "");
                         });

TEST(EmbeddingsGradientTest, OfBatchesThatNameNothingIsEmpty) {
  for (const Combiner combiner : {Combiner::kSum, Combiner::kMean}) {
    const NetworkSpec spec = TableAlone(3, combiner, DataType::kFloat64);
    const auto network = MakeNetwork(spec);
    Batch batch{.inputs = NoNumbers(DataType::kFloat64, 2),
                .targets = RandomMatrix(DataType::kFloat64, 2, 3, 1),
                .weights = {},
                .categories = CategoriesOf(
                    CategoryValues{.buckets = {}, .row_splits = {0, 0, 0}, .weights = {}})};
    ASSERT_THAT(network->ValidateBatch(batch), IsOk());
    auto trainer = MakeTrainer(network, WithAlgorithm(AdamOptions{}, 0.1));
    const Snapshot before = trainer->snapshot();
    ASSERT_THAT(trainer->Step(batch), IsOk());
    EXPECT_EQ(std::memcmp(trainer->snapshot().parameters().bytes(), before.parameters().bytes(),
                          before.parameters().byte_size()),
              0);
  }
}

TEST(EmbeddingsValidationTest, BadInputsAreNamed) {
  const CategoricalInputSpec good{.name = "color", .buckets = 5, .dimension = 2};
  const auto with = [&](const auto& change) {
    CategoricalInputSpec changed = good;
    change(changed);
    return std::vector{changed};
  };
  const auto named = [&](const std::string& name) {
    return with([&](CategoricalInputSpec& input) { input.name = name; });
  };
  CategoricalInputSpec other = good;
  other.name = "shape";
  constexpr std::int64_t kTooMany = std::int64_t{1} << 31;
  const struct {
    std::vector<CategoricalInputSpec> inputs;
    const char* field;
    const char* reason;
  } cases[] = {
      {named(""), "categorical_inputs[0].name", "INVALID_NAME"},
      {named("Color"), "categorical_inputs[0].name", "INVALID_NAME"},
      {named("1color"), "categorical_inputs[0].name", "INVALID_NAME"},
      {named("_color"), "categorical_inputs[0].name", "INVALID_NAME"},
      {named("co-lor"), "categorical_inputs[0].name", "INVALID_NAME"},
      {named("co.lor"), "categorical_inputs[0].name", "INVALID_NAME"},
      {named("colör"), "categorical_inputs[0].name", "INVALID_NAME"},
      {named(std::string(64, 'a')), "categorical_inputs[0].name", "INVALID_NAME"},
      {named("inputs"), "categorical_inputs[0].name", "INVALID_NAME"},
      {named("outputs"), "categorical_inputs[0].name", "INVALID_NAME"},
      {{good, other, good}, "categorical_inputs[2].name", "CONTRADICTORY_FIELDS"},
      {with([](auto& input) { input.buckets = 0; }), "categorical_inputs[0].buckets",
       "INVALID_FIELD"},
      {with([](auto& input) { input.buckets = -1; }), "categorical_inputs[0].buckets",
       "INVALID_FIELD"},
      {with([](auto& input) { input.buckets = kTooMany; }), "categorical_inputs[0].buckets",
       "INVALID_FIELD"},
      {with([](auto& input) { input.dimension = 0; }), "categorical_inputs[0].dimension",
       "INVALID_FIELD"},
      {with([](auto& input) { input.dimension = std::numeric_limits<std::int64_t>::max(); }),
       "categorical_inputs[0].dimension", "INVALID_FIELD"},
      {with([](auto& input) { input.initializer = {.kind = InitializerKind::kZeros, .scale = 2}; }),
       "categorical_inputs[0].initializer.scale", "INVALID_FIELD"},
      // Each size is allowed, their product is not.
      {with([](auto& input) {
         input.buckets = kTooMany - 1;
         input.dimension = std::int64_t{1} << 20;
       }),
       "categorical_inputs[0].buckets", "INVALID_FIELD"},
  };
  for (const auto& c : cases) {
    const NetworkSpec spec = CategoricalNetwork(3, c.inputs, {DropoutSpec{}});
    EXPECT_THAT(Network::Create(spec), FailsAt(c.field, c.reason));
  }
  for (const char* const name : {"a", "color", "c0_", "inputs_", "input"}) {
    EXPECT_THAT(Network::Create(CategoricalNetwork(3, named(name), {TanhLayer(1)})), IsOk())
        << name;
  }
  EXPECT_THAT(Network::Create(CategoricalNetwork(3, named(std::string(63, 'z')), {TanhLayer(1)})),
              IsOk());
}

TEST(EmbeddingsValidationTest, ThereAreAtMost1024Inputs) {
  std::vector<CategoricalInputSpec> inputs;
  for (int i = 0; i < 1024; ++i) {
    inputs.push_back({.name = absl::StrCat("input", i), .buckets = 2, .dimension = 1});
  }
  const NetworkSpec most = CategoricalNetwork(0, inputs, {TanhLayer(1)});
  ASSERT_THAT(Network::Create(most), IsOk());
  auto trainer = MakeTrainer(MakeNetwork(most), WithAlgorithm(SgdOptions{}, 0.1));
  EXPECT_THAT(trainer->Step(RandomBatch(most, 3, 1)), IsOk());
  inputs.push_back({.name = "one_more", .buckets = 2, .dimension = 1});
  EXPECT_THAT(Network::Create(CategoricalNetwork(0, inputs, {TanhLayer(1)})),
              FailsAt("categorical_inputs", "INVALID_FIELD"));
}

TEST(EmbeddingsValidationTest, ThereAreNumericInputsOrCategoricalOnes) {
  const CategoricalInputSpec color{.name = "color", .buckets = 5, .dimension = 2};
  EXPECT_THAT(Network::Create(CategoricalNetwork(0, {color}, {TanhLayer(1)})), IsOk());
  EXPECT_THAT(Network::Create(CategoricalNetwork(0, {}, {TanhLayer(1)})),
              FailsAt("input_features", "INVALID_FIELD"));
  EXPECT_THAT(Network::Create(CategoricalNetwork(-1, {color}, {TanhLayer(1)})),
              FailsAt("input_features", "INVALID_FIELD"));
  NetworkSpec normalizing = CategoricalNetwork(0, {color}, {TanhLayer(1)});
  normalizing.input_normalization.emplace();
  EXPECT_THAT(Network::Create(normalizing), FailsAt("input_normalization", "CONTRADICTORY_FIELDS"));
  normalizing.input_features = 1;
  EXPECT_THAT(Network::Create(normalizing), IsOk());
}

TEST(EmbeddingsValidationTest, BadValuesAreNamed) {
  constexpr DataType kType = DataType::kFloat64;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const CategoricalInputSpec sum{.name = "sum", .buckets = 5, .dimension = 2};
  const CategoricalInputSpec mean{
      .name = "mean", .buckets = 5, .dimension = 2, .combiner = Combiner::kMean};
  const auto network = MakeNetwork(CategoricalNetwork(1, {sum, mean}, {TanhLayer(1)}));
  // For three rows.
  const auto one = [](std::vector<std::int32_t> ids) {
    return CategoryValues{.buckets = std::move(ids), .row_splits = {}, .weights = {}};
  };
  const auto bags = [](std::vector<std::int64_t> splits) {
    return CategoryValues{.buckets = {0, 4, 2, 2}, .row_splits = std::move(splits), .weights = {}};
  };
  const auto weighted = [](Matrix weights) {
    return CategoryValues{
        .buckets = {0, 4, 2, 2}, .row_splits = {0, 1, 1, 4}, .weights = std::move(weights)};
  };
  const struct {
    CategoryValues values;
    const char* field;
    const char* reason;
    const char* row;
  } cases[] = {
      {one({0, 1}), "ids", "WRONG_SHAPE", ""},
      {one({0, 1, 2, 3}), "ids", "WRONG_SHAPE", ""},
      {one({}), "ids", "WRONG_SHAPE", ""},
      {one({0, 5, 1}), "ids", "INVALID_FIELD", "1"},
      {one({0, 1, -1}), "ids", "INVALID_FIELD", "2"},
      {bags({0, 1, 4}), "row_splits", "WRONG_SHAPE", ""},
      {bags({0, 1, 1, 1, 4}), "row_splits", "WRONG_SHAPE", ""},
      {bags({0}), "row_splits", "WRONG_SHAPE", ""},
      {bags({1, 1, 2, 4}), "row_splits", "INVALID_FIELD", ""},
      {bags({-1, 1, 2, 4}), "row_splits", "INVALID_FIELD", ""},
      {bags({0, 2, 1, 4}), "row_splits", "INVALID_FIELD", "1"},
      {bags({0, 5, 5, 4}), "row_splits", "INVALID_FIELD", "2"},
      {bags({0, -1, 2, 4}), "row_splits", "INVALID_FIELD", "0"},
      {bags({0, 1, 2, 3}), "row_splits", "INVALID_FIELD", ""},
      {bags({0, 1, 2, 5}), "row_splits", "INVALID_FIELD", ""},
      {weighted(Column(kType, {1, 1, 1})), "weights", "WRONG_SHAPE", ""},
      {weighted(Matrix(kType, 2, 2)), "weights", "WRONG_SHAPE", ""},
      {weighted(Column(DataType::kFloat32, {1, 1, 1, 1})), "weights", "WRONG_DATA_TYPE", ""},
      {weighted(Column(kType, {1, nan, 1, 1})), "weights", "NON_FINITE_VALUE", "2"},
      {weighted(Column(kType, {infinity, 1, 1, 1})), "weights", "NON_FINITE_VALUE", "0"},
  };
  const auto fails_at = [&](const Categories& categories, const std::string& field,
                            const char* reason, const std::string& row) {
    const absl::Status status = network->ValidateCategories(categories, 3);
    EXPECT_THAT(status, FailsAt(field, reason));
    EXPECT_EQ(GetErrorDetails(status).metadata["row"], row) << status;
  };
  const auto copy = [](const CategoryValues& values) {
    return CategoryValues{.buckets = values.buckets,
                          .row_splits = values.row_splits,
                          .weights = values.weights.Clone()};
  };
  const auto both = [&](const CategoryValues& first, const CategoryValues& second) {
    Categories categories;
    categories.push_back(copy(first));
    categories.push_back(copy(second));
    return categories;
  };
  const CategoryValues good = one({0, 4, 2});
  for (const auto& c : cases) {
    fails_at(both(c.values, good), absl::StrCat("categories[0].", c.field), c.reason, c.row);
    fails_at(both(good, c.values), absl::StrCat("categories[1].", c.field), c.reason, c.row);
  }
  // Sums take weights of any sign.
  const CategoryValues negative = weighted(Column(kType, {1, 1, -0.5, 1}));
  EXPECT_THAT(network->ValidateCategories(both(negative, good), 3), IsOk());
  fails_at(both(good, negative), "categories[1].weights", "NEGATIVE_WEIGHT", "2");
  const CategoryValues zero = weighted(Column(kType, {0, -0.0, 0, 0}));
  EXPECT_THAT(network->ValidateCategories(both(zero, zero), 3), IsOk());
  EXPECT_THAT(network->ValidateCategories(both(bags({0, 0, 0, 4}), bags({0, 4, 4, 4})), 3), IsOk());

  // As many inputs as the network has, and as many rows as there are of numbers.
  fails_at(Categories(), "categories", "INVALID_FIELD", "");
  Categories three = both(good, good);
  three.push_back(copy(good));
  fails_at(three, "categories", "INVALID_FIELD", "");
  Batch batch{.inputs = Matrix(kType, 2, 1),
              .targets = Matrix(kType, 2, 1),
              .weights = {},
              .categories = both(good, good)};
  EXPECT_THAT(network->ValidateBatch(batch), FailsAt("categories[0].ids", "WRONG_SHAPE"));
  const auto without = MakeNetwork(CategoricalNetwork(1, {}, {TanhLayer(1)}));
  EXPECT_THAT(without->ValidateCategories(three, 3), FailsAt("categories", "INVALID_FIELD"));
}

}  // namespace
}  // namespace descent
