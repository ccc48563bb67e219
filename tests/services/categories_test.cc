// Networks with categorical inputs, through the real server.

#include <cmath>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/services/disk_service_fixture.h"

namespace descent::testing {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

// One numeric input; prices that depend on the shop, and on tags that are hashed.
v1::CreateModelRequest ShopModel(const std::string& name,
                                 const std::string& optimizer = "adam {}") {
  auto request = FromText<v1::CreateModelRequest>(
      absl::StrCat(R"pb(
                     model { network {
                       input_features: 1
                       layers {
                         dense {
                           units: 8
                           activation { kind: ACTIVATION_KIND_TANH }
                         }
                       }
                       layers { dropout { rate: 0.1 } }
                       layers { dense { units: 1 } }
                       loss { kind: LOSS_KIND_MEAN_SQUARED_ERROR }
                       data_type: DATA_TYPE_FLOAT64
                       seed: 3
                       input_normalization {}
                       categorical_inputs { name: "shop" buckets: 50 dimension: 4 }
                       categorical_inputs {
                         name: "tags"
                         buckets: 1000
                         dimension: 3
                         hashing: HASHING_XXH64
                         combiner: COMBINER_MEAN
                       }
                     }
                             optimizer { learning_rate: 0.02)pb",
                   " ", optimizer, " } }"));
  request.mutable_model()->set_name(name);
  return request;
}

v1::Tensor Ids(const std::vector<std::int64_t>& ids) {
  v1::Tensor tensor;
  tensor.set_data_type(v1::DATA_TYPE_INT64);
  tensor.add_shape(static_cast<std::int64_t>(ids.size()));
  tensor.set_raw(ids.data(), ids.size() * sizeof ids[0]);
  return tensor;
}

// Rows of a shop each, with none to two tags; the price is a number of the shop's and one more for
// each tag's letter.
v1::Batch ShopBatch(int rows, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> inputs;
  std::vector<float> targets;
  std::vector<std::int64_t> shops;
  std::vector<std::int64_t> splits = {0};
  v1::CategoricalValues tags;
  tags.set_name("tags");
  for (int i = 0; i < rows; ++i) {
    inputs.push_back(static_cast<float>(random() % 100) / 50);
    shops.push_back(static_cast<std::int64_t>(random() % 50));
    double price = std::sin(static_cast<double>(shops.back())) + inputs.back();
    for (auto left = random() % 3; left > 0; --left) {
      const auto letter = static_cast<char>('a' + random() % 5);
      tags.mutable_strings()->add_values(std::string(1, letter));
      price += 0.3 * (letter - 'a');
    }
    splits.push_back(tags.strings().values_size());
    targets.push_back(static_cast<float>(price));
  }
  *tags.mutable_row_splits() = Ids(splits);
  v1::Batch batch;
  *batch.mutable_inputs() = Floats({rows, 1}, inputs);
  *batch.mutable_targets() = Floats({rows, 1}, targets);
  *batch.add_categories() = std::move(tags);
  auto* shop = batch.add_categories();
  shop->set_name("shop");
  *shop->mutable_ids() = Ids(shops);
  return batch;
}

template <typename Request>
Request RequestOf(const std::string& model, const v1::Batch& batch) {
  Request request;
  request.set_model(model);
  *request.mutable_inputs() = batch.inputs();
  *request.mutable_categories() = batch.categories();
  return request;
}

class CategoriesTest : public DiskServiceTest {
 protected:
  // Parameters by name.
  std::map<std::string, std::string> ParametersOf(const std::string& model) {
    v1::GetParametersRequest request;
    request.set_model(model);
    const auto answer = client_->Call(request);
    EXPECT_TRUE(answer.ok()) << answer;
    std::map<std::string, std::string> all;
    for (const auto& parameter : answer->parameters()) {
      all[parameter.name()] = parameter.tensor().raw();
    }
    return all;
  }
};

TEST_F(CategoriesTest, AreLearned) {
  Create(ShopModel("shop"));
  double first = 0;
  double last = 0;
  for (unsigned i = 0; i < 600; ++i) {
    const auto step = client_->Call(StepOf("shop", ShopBatch(64, i)));
    ASSERT_TRUE(step.ok()) << step;
    if (i == 0) first = step->loss();
    last = step->loss();
  }
  EXPECT_LT(last, first / 10);
  std::vector<v1::EvaluateRequest> requests(1);
  requests[0].set_model("shop");
  *requests[0].mutable_batch() = ShopBatch(500, 9999);
  const auto evaluated = client_->Call(requests);
  ASSERT_TRUE(evaluated.ok()) << evaluated;
  EXPECT_GT(evaluated->metrics().at("r2"), 0.9);
}

TEST_F(CategoriesTest, TablesAreParametersWithTheirShape) {
  Create(ShopModel("shop"));
  v1::GetParametersRequest request;
  request.set_model("shop");
  request.add_names("embeddings.tags");
  const auto answer = client_->Call(request);
  ASSERT_TRUE(answer.ok()) << answer;
  EXPECT_THAT(answer->parameters(0).tensor().shape(), ElementsAre(1000, 3));
  EXPECT_EQ(Get("shop").parameter_count(), (1 + 4 + 3) * 8 + 8 + 8 + 1 + 50 * 4 + 1000 * 3);
}

TEST_F(CategoriesTest, AnUpdateTouchesTheRowsThatAreNamedAndNoOthers) {
  Create(ShopModel("shop", "adamw { weight_decay: 0.1 }"));
  const auto before = ParametersOf("shop");
  const v1::Batch batch = ShopBatch(8, 1);
  ASSERT_TRUE(client_->Call(StepOf("shop", batch)).ok());
  const auto after = ParametersOf("shop");
  std::vector<std::int64_t> shops(8);
  std::memcpy(shops.data(), batch.categories(1).ids().raw().data(), 8 * sizeof shops[0]);
  constexpr std::size_t kRow = 4 * sizeof(double);
  for (std::int64_t row = 0; row < 50; ++row) {
    const bool is_named = std::find(shops.begin(), shops.end(), row) != shops.end();
    const auto at = static_cast<std::size_t>(row) * kRow;
    EXPECT_EQ(after.at("embeddings.shop").substr(at, kRow) !=
                  before.at("embeddings.shop").substr(at, kRow),
              is_named)
        << row;
  }
}

TEST_F(CategoriesTest, ATrainingGradientIsTheOneThatAStepApplies) {
  for (const char* optimizer :
       {"adam { weight_decay: 0.01 }", "sgd { momentum: 0.9 }", "ftrl {}"}) {
    SCOPED_TRACE(optimizer);
    for (const char* name : {"here", "elsewhere"}) {
      auto create = ShopModel(name, optimizer);
      // An update from gradients has no rows to count.
      create.mutable_model()->mutable_network()->clear_input_normalization();
      Create(create);
    }
    for (unsigned i = 0; i < 3; ++i) {
      const v1::Batch batch = ShopBatch(16, i);
      auto gradient = RequestOf<v1::GradientRequest>("elsewhere", batch);
      *gradient.mutable_targets() = batch.targets();
      gradient.set_training(true);
      // So that no digit of the network's type is lost on the way.
      gradient.mutable_inputs()->set_data_type(v1::DATA_TYPE_FLOAT64);
      const std::vector<double> inputs(batch.inputs().floats().values().begin(),
                                       batch.inputs().floats().values().end());
      gradient.mutable_inputs()->set_raw(inputs.data(), inputs.size() * sizeof inputs[0]);
      const auto computed = client_->Call(gradient);
      ASSERT_TRUE(computed.ok()) << computed;
      ASSERT_EQ(computed->sparse_gradients_size(), 2);
      v1::StepRequest step;
      step.set_model("elsewhere");
      *step.mutable_gradients()->mutable_gradients() = computed->gradients();
      *step.mutable_gradients()->mutable_sparse_gradients() = computed->sparse_gradients();
      const auto applied = client_->Call(step);
      ASSERT_TRUE(applied.ok()) << applied;
      const auto stepped = client_->Call(StepOf("here", batch));
      EXPECT_EQ(stepped->gradient_norm(), applied->gradient_norm());
      EXPECT_TRUE(ParametersOf("here") == ParametersOf("elsewhere"));
    }
    for (const char* name : {"here", "elsewhere"}) {
      v1::DeleteModelRequest request;
      request.set_name(name);
      ASSERT_TRUE(client_->Call(request).ok());
    }
  }
}

TEST_F(CategoriesTest, NormsOfTablesAreThoseOfTheirRows) {
  Create(ShopModel("shop"));
  const v1::Batch batch = ShopBatch(16, 4);
  auto request = RequestOf<v1::GradientRequest>("shop", batch);
  *request.mutable_targets() = batch.targets();
  request.mutable_inputs()->mutable_doubles()->mutable_values()->Add(
      batch.inputs().floats().values().begin(), batch.inputs().floats().values().end());
  request.mutable_inputs()->set_data_type(v1::DATA_TYPE_FLOAT64);
  const auto whole = client_->Call(request);
  ASSERT_TRUE(whole.ok()) << whole;
  request.set_norms_only(true);
  const auto norms = client_->Call(request);
  ASSERT_TRUE(norms.ok()) << norms;
  double squares = 0;
  for (const auto& gradient : norms->gradients()) {
    squares += std::pow(gradient.tensor().doubles().values(0), 2);
  }
  for (int t = 0; t < 2; ++t) {
    const auto& sparse = whole->sparse_gradients(t);
    EXPECT_EQ(sparse.rows_size(), sparse.values().shape(0));
    double sum = 0;
    for (const double value : sparse.values().doubles().values()) sum += value * value;
    const double norm = norms->sparse_gradients(t).values().doubles().values(0);
    EXPECT_THAT(norm, DoubleNear(std::sqrt(sum), 1e-12));
    squares += norm * norm;
  }
  EXPECT_THAT(std::sqrt(squares), DoubleNear(whole->gradient_norm(), 1e-12));
  // Some by name, in the order that they were asked for among their kind.
  request.add_parameters("embeddings.tags");
  request.add_parameters("layers.0.bias");
  const auto some = client_->Call(request);
  ASSERT_EQ(some->sparse_gradients_size(), 1);
  EXPECT_EQ(some->sparse_gradients(0).name(), "embeddings.tags");
  EXPECT_EQ(some->gradients_size(), 1);
}

// Of a network whose first layer answers with what it reads.
TEST_F(CategoriesTest, BlocksFollowTheNumbersInTheSpecsOrder) {
  auto create = ShopModel("blocks");
  auto* network = create.mutable_model()->mutable_network();
  network->clear_layers();
  network->clear_input_normalization();
  network->add_layers()->mutable_dropout();
  Create(create);
  auto tables = ParametersOf("blocks");
  const auto number = [&](const std::string& table, std::size_t index) {
    double value = 0;
    std::memcpy(&value, tables.at(table).data() + index * sizeof value, sizeof value);
    return value;
  };
  const auto request = FromText<v1::PredictRequest>(R"pb(
    model: "blocks"
    inputs {
      data_type: DATA_TYPE_FLOAT64
      shape: [ 2, 1 ]
      doubles { values: [ 0.5, -1 ] }
    }
    categories {
      name: "tags"
      ids {
        data_type: DATA_TYPE_INT64
        shape: 3
        ints { values: [ 1, 0, 1 ] }
      }
      row_splits {
        data_type: DATA_TYPE_INT64
        shape: 3
        ints { values: [ 0, 3, 3 ] }
      }
      weights {
        data_type: DATA_TYPE_FLOAT32
        shape: 3
        floats { values: [ 1, 2, 1 ] }
      }
    }
    categories {
      name: "shop"
      ids {
        data_type: DATA_TYPE_INT64
        shape: 2
        ints { values: [ 49, 0 ] }
      }
    })pb");
  const auto answer = client_->Call(request);
  ASSERT_TRUE(answer.ok()) << answer;
  ASSERT_THAT(answer->outputs().shape(), ElementsAre(2, 8));
  const auto at = [&](int row, int column) {
    return answer->outputs().doubles().values(row * 8 + column);
  };
  EXPECT_EQ(at(0, 0), 0.5);
  EXPECT_EQ(at(1, 0), -1);
  for (std::size_t j = 0; j < 4; ++j) {
    EXPECT_EQ(at(0, 1 + static_cast<int>(j)), number("embeddings.shop", 49 * 4 + j));
    EXPECT_EQ(at(1, 1 + static_cast<int>(j)), number("embeddings.shop", j));
  }
  for (std::size_t j = 0; j < 3; ++j) {
    // The rows of ids 1 and 0, hashed, with half of the weight each.
    const double mean =
        (number("embeddings.tags", 269 * 3 + j) + number("embeddings.tags", 579 * 3 + j)) / 2;
    EXPECT_THAT(at(0, 5 + static_cast<int>(j)), DoubleNear(mean, 1e-15));
    EXPECT_EQ(at(1, 5 + static_cast<int>(j)), 0);
  }
}

// Large enough to be handed over, so that calls which come together are merged.
TEST_F(CategoriesTest, APredictionIsTheSameAloneAndMergedWithOthers) {
  auto create = ShopModel("shop");
  create.mutable_model()->mutable_network()->mutable_layers(0)->mutable_dense()->set_units(2048);
  create.mutable_model()->mutable_network()->add_layers()->mutable_dense()->set_units(64);
  Create(create);
  constexpr unsigned kCallers = 6;
  std::vector<v1::PredictRequest> requests;
  std::vector<std::string> alone;
  for (unsigned i = 0; i < kCallers; ++i) {
    v1::Batch batch = ShopBatch(40 + static_cast<int>(i), i);
    if (i % 2 == 0) {  // one tag a row, without splits
      auto* tags = batch.mutable_categories(0);
      tags->clear_row_splits();
      tags->clear_strings();
      for (unsigned row = 0; row < 40 + i; ++row) tags->mutable_strings()->add_values("x");
    }
    batch.mutable_inputs()->set_data_type(v1::DATA_TYPE_FLOAT64);
    const std::vector<double> inputs(batch.inputs().floats().values().begin(),
                                     batch.inputs().floats().values().end());
    batch.mutable_inputs()->set_raw(inputs.data(), inputs.size() * sizeof inputs[0]);
    requests.push_back(RequestOf<v1::PredictRequest>("shop", batch));
    alone.push_back(client_->Call(requests.back())->outputs().raw());
  }
  std::vector<std::thread> callers;
  for (unsigned i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      ServiceClient client(server_->InProcessChannel());
      for (int turn = 0; turn < 30; ++turn) {
        const auto answer = client.Call(requests[i]);
        ASSERT_TRUE(answer.ok()) << answer;
        ASSERT_TRUE(answer->outputs().raw() == alone[i]);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_F(CategoriesTest, WhatWasLearnedIsThereAfterARestart) {
  RestartOnDisk();
  Create(ShopModel("shop"));
  Create(ShopModel("gradients", "sgd { momentum: 0.9 }"));
  TrainStream stream = client_->Train();
  ASSERT_TRUE(stream.Write(StartOf("shop", "s")));
  for (unsigned i = 1; i <= 20; ++i) ASSERT_TRUE(stream.Write(BatchOf(i, ShopBatch(16, i))));
  stream.HalfClose();
  ASSERT_TRUE(stream.Finish().ok());
  ASSERT_TRUE(client_->Call(StepOf("gradients", ShopBatch(8, 1))).ok());
  const v1::Batch batch = ShopBatch(8, 2);
  auto gradient = RequestOf<v1::GradientRequest>("gradients", batch);
  *gradient.mutable_targets() = batch.targets();
  const auto computed = client_->Call(gradient);
  ASSERT_TRUE(computed.ok()) << computed;
  v1::StepRequest step;
  step.set_model("gradients");
  *step.mutable_gradients()->mutable_gradients() = computed->gradients();
  *step.mutable_gradients()->mutable_sparse_gradients() = computed->sparse_gradients();
  ASSERT_TRUE(client_->Call(step).ok());
  const v1::Model shop = Get("shop");
  const v1::Model gradients = Get("gradients");
  const auto tables = ParametersOf("shop");
  RestartOnDisk();
  EXPECT_EQ(Get("shop").step(), 20);
  EXPECT_EQ(Get("shop").state_hash(), shop.state_hash());
  EXPECT_EQ(Get("gradients").state_hash(), gradients.state_hash());
  EXPECT_TRUE(ParametersOf("shop") == tables);
  // And it goes on as if nothing had been.
  Create(ShopModel("reference"));
  for (unsigned i = 1; i <= 21; ++i) {
    ASSERT_TRUE(client_->Call(StepOf("reference", ShopBatch(16, i))).ok());
  }
  ASSERT_TRUE(client_->Call(StepOf("shop", ShopBatch(16, 21))).ok());
  EXPECT_EQ(Get("shop").state_hash(), Get("reference").state_hash());
}

TEST_F(CategoriesTest, WhatDoesNotFitIsRefusedAndChangesNothing) {
  Create(ShopModel("shop"));
  const std::uint64_t before = Get("shop").state_hash();
  v1::Batch batch = ShopBatch(4, 1);
  *batch.mutable_categories(1)->mutable_ids() = Ids({1, 2, 50, 3});
  const auto answer = client_->Call(StepOf("shop", batch));
  EXPECT_THAT(answer, FailsAt("batch.categories[1].ids", "INVALID_FIELD"));
  EXPECT_EQ(answer.status.metadata.at("row"), "2");
  batch = ShopBatch(4, 1);
  batch.mutable_categories()->RemoveLast();
  EXPECT_THAT(client_->Call(StepOf("shop", batch)), FailsAt("batch.categories", "REQUIRED_FIELD"));
  EXPECT_THAT(client_->Call(PredictOf("shop", ShopBatch(4, 1).inputs())),
              FailsAt("categories", "REQUIRED_FIELD"));
  EXPECT_EQ(Get("shop").state_hash(), before);
}

TEST_F(CategoriesTest, ANetworkThatCantBeIsRefusedByItsField) {
  const auto expect = [&](const std::string& field, const std::string& reason, auto change) {
    auto create = ShopModel("bad");
    change(create.mutable_model()->mutable_network());
    EXPECT_THAT(client_->Call(create), FailsAt("model.network." + field, reason));
  };
  expect("categorical_inputs[1].name", "CONTRADICTORY_FIELDS",
         [](auto* network) { network->mutable_categorical_inputs(1)->set_name("shop"); });
  for (const char* name : {"", "Shop", "9", "inputs", "outputs", "a-b"}) {
    expect("categorical_inputs[0].name", "INVALID_NAME",
           [&](auto* network) { network->mutable_categorical_inputs(0)->set_name(name); });
  }
  for (const std::int64_t buckets : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 31}) {
    expect("categorical_inputs[0].buckets", "INVALID_FIELD",
           [&](auto* network) { network->mutable_categorical_inputs(0)->set_buckets(buckets); });
  }
  expect("categorical_inputs[0].dimension", "INVALID_FIELD",
         [](auto* network) { network->mutable_categorical_inputs(0)->set_dimension(0); });
  expect("input_normalization", "CONTRADICTORY_FIELDS",
         [](auto* network) { network->clear_input_features(); });
  expect("input_features", "INVALID_FIELD", [](auto* network) {
    network->clear_input_features();
    network->clear_categorical_inputs();
  });
}

}  // namespace
}  // namespace descent::testing
