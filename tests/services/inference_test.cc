// The Open Inference Protocol through the real server.

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class InferenceTest : public ServiceTest {
 protected:
  void SetUp() override { Create(LineModel("line")); }

  void Train(int steps) {
    for (int i = 0; i < steps; ++i) {
      const auto answer = client_->Call(StepOf("line", LineBatch(4, ++seed_)));
      ASSERT_TRUE(answer.ok()) << answer;
    }
  }
  void Save() {
    const auto answer = client_->Call(FromText<v1::CreateCheckpointRequest>("model: 'line'"));
    ASSERT_TRUE(answer.ok()) << answer;
  }

  // [[1, 2], [3, -4]].
  static inference::ModelInferRequest Infer(const std::string& model) {
    inference::ModelInferRequest request;
    request.set_model_name(model);
    auto* input = request.add_inputs();
    input->set_name("inputs");
    input->set_datatype("FP32");
    input->add_shape(2);
    input->add_shape(2);
    const float values[] = {1, 2, 3, -4};
    request.add_raw_input_contents(values, sizeof values);
    return request;
  }

  bool IsReady(const std::string& model, const std::string& version = "") {
    inference::ModelReadyRequest request;
    request.set_name(model);
    request.set_version(version);
    const auto answer = client_->Call(request);
    EXPECT_TRUE(answer.ok()) << answer;
    return answer->ready();
  }

  static inference::ModelMetadataRequest Metadata(const std::string& version = "") {
    inference::ModelMetadataRequest request;
    request.set_name("line");
    request.set_version(version);
    return request;
  }

  unsigned seed_ = 0;
};

TEST_F(InferenceTest, PredictsTheBitsOfPredict) {
  Train(5);
  auto request = Infer("line");
  request.set_id("one");
  const auto answer = client_->Call(request);
  ASSERT_TRUE(answer.ok()) << answer;
  EXPECT_EQ(answer->model_name(), "line");
  EXPECT_EQ(answer->model_version(), "5");
  EXPECT_EQ(answer->id(), "one");
  ASSERT_EQ(answer->outputs_size(), 1);
  EXPECT_EQ(answer->outputs(0).name(), "outputs");
  EXPECT_EQ(answer->outputs(0).datatype(), "FP32");
  EXPECT_THAT(answer->outputs(0).shape(), ElementsAre(2, 1));

  v1::Tensor inputs;
  inputs.set_data_type(v1::DATA_TYPE_FLOAT32);
  inputs.add_shape(2);
  inputs.add_shape(2);
  inputs.set_raw(request.raw_input_contents(0));
  const auto predicted = client_->Call(PredictOf("line", inputs));
  ASSERT_TRUE(predicted.ok()) << predicted;
  ASSERT_EQ(answer->raw_output_contents_size(), 1);
  EXPECT_EQ(answer->raw_output_contents(0), predicted->outputs().raw());
}

TEST_F(InferenceTest, TypedContentsAreAnsweredRawToo) {
  Train(1);
  auto request = Infer("line");
  const auto raw = client_->Call(request);
  request.clear_raw_input_contents();
  request.mutable_inputs(0)->set_datatype("INT8");
  for (const int value : {1, 2, 3, -4}) {
    request.mutable_inputs(0)->mutable_contents()->add_int_contents(value);
  }
  const auto typed = client_->Call(request);
  ASSERT_TRUE(typed.ok()) << typed;
  ASSERT_TRUE(raw.ok()) << raw;
  EXPECT_EQ(typed->raw_output_contents(0), raw->raw_output_contents(0));
}

// Numbers, shops by their ids, and countries, which are hashed.
v1::CreateModelRequest CategoricalModel(const std::string& name) {
  auto create = LineModel(name);
  auto* const network = create.mutable_model()->mutable_network();
  network->mutable_layers(0)->mutable_dense()->clear_kernel_initializer();
  *network->add_categorical_inputs() =
      FromText<v1::CategoricalInput>("name: 'shop' buckets: 50 dimension: 3");
  *network->add_categorical_inputs() = FromText<v1::CategoricalInput>(
      "name: 'country' buckets: 20 dimension: 2 hashing: HASHING_XXH64");
  return create;
}

void AddTexts(const std::vector<std::string>& texts, inference::ModelInferRequest* request) {
  auto* const input = request->add_inputs();
  input->set_name("country");
  input->set_datatype("BYTES");
  input->add_shape(static_cast<std::int64_t>(texts.size()));
  std::string* const raw = request->add_raw_input_contents();
  for (const std::string& text : texts) {
    const auto length = static_cast<std::uint32_t>(text.size());
    raw->append(reinterpret_cast<const char*>(&length), sizeof length).append(text);
  }
}

void AddIds(const std::string& name, const std::vector<std::int64_t>& ids,
            inference::ModelInferRequest* request) {
  auto* const input = request->add_inputs();
  input->set_name(name);
  input->set_datatype("INT64");
  input->add_shape(static_cast<std::int64_t>(ids.size()));
  request->add_raw_input_contents(ids.data(), ids.size() * sizeof(std::int64_t));
}

TEST_F(InferenceTest, CategoriesPredictTheBitsOfPredict) {
  Create(CategoricalModel("shops"));
  const auto categories = [](const std::string& texts) {
    return FromText<v1::PredictRequest>(absl::StrCat(R"(
      categories { name: 'shop' ids { data_type: DATA_TYPE_INT64 shape: 2 ints { values: [49, 7] } } }
      categories { name: 'country' )",
                                                     texts, "}"));
  };
  const v1::PredictRequest texts = categories("strings { values: ['CH', 'Curaçao'] }");
  const v1::PredictRequest ids = categories(
      "ids { data_type: DATA_TYPE_INT64 shape: 2 ints { values: [-1, 9007199254740993] } }");

  // So that rows differ: one step on the rows with texts, one on those with ids.
  v1::Batch batch = LineBatch(2, 1);
  for (const v1::PredictRequest& rows : {texts, ids}) {
    *batch.mutable_categories() = rows.categories();
    const auto stepped = client_->Call(StepOf("shops", batch));
    ASSERT_TRUE(stepped.ok()) << stepped;
  }

  std::vector<std::string> outputs;
  for (const bool has_texts : {true, false}) {
    auto request = Infer("shops");
    if (has_texts) {
      AddTexts({"CH", "Curaçao"}, &request);
    } else {
      AddIds("country", {-1, 9007199254740993}, &request);
    }
    AddIds("shop", {49, 7}, &request);
    const auto answer = client_->Call(request);
    ASSERT_TRUE(answer.ok()) << answer;

    v1::PredictRequest predict = has_texts ? texts : ids;
    predict.set_model("shops");
    *predict.mutable_inputs() = Floats({2, 2}, {1, 2, 3, -4});
    predict.mutable_inputs()->set_raw(request.raw_input_contents(0));
    const auto predicted = client_->Call(predict);
    ASSERT_TRUE(predicted.ok()) << predicted;
    outputs.push_back(answer->raw_output_contents(0));
    EXPECT_EQ(outputs.back(), predicted->outputs().raw());
  }
  EXPECT_NE(outputs[0], outputs[1]);
}

// Rows of any number of categories, of two rows of a model that has learned some.
TEST_F(InferenceTest, SeveralCategoriesARowPredictTheBitsOfPredict) {
  auto create = CategoricalModel("baskets");
  create.mutable_model()->mutable_network()->mutable_categorical_inputs(0)->set_combiner(
      v1::COMBINER_MEAN);
  Create(create);
  const auto rows_of = [](const std::string& shops, const std::string& countries) {
    return FromText<v1::PredictRequest>(absl::StrCat(
        "categories { name: 'shop' ", shops, " } categories { name: 'country' ", countries, " }"));
  };
  const auto ints = [](const std::string& field, int count, const std::string& values) {
    return absl::StrCat(field, " { data_type: DATA_TYPE_INT64 shape: ", count, " ints { values: [",
                        values, "] } } ");
  };
  v1::Batch batch = LineBatch(2, 1);
  *batch.mutable_categories() =
      rows_of(ints("ids", 5, "49,7,7,0,3") + ints("row_splits", 3, "0,3,5"),
              "strings { values: ['CH','','FR','IT'] } " + ints("row_splits", 3, "0,2,4"))
          .categories();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client_->Call(StepOf("baskets", batch)).ok());

  struct Shaped {
    std::vector<std::int64_t> shape;
    std::vector<std::int64_t> ids;
    std::vector<std::string> texts;
  };
  const struct {
    const char* name;
    Shaped shops;
    Shaped countries;
    bool padded;
    v1::PredictRequest same;
  } cases[] = {
      {"as many in each row",
       {{2, 3}, {49, 7, 7, 0, 49, 7}, {}},
       {{2, 2}, {}, {"CH", "", "FR", "CH"}},
       false,
       rows_of(ints("ids", 6, "49,7,7,0,49,7") + ints("row_splits", 3, "0,3,6"),
               "strings { values: ['CH','','FR','CH'] }" + ints("row_splits", 3, "0,2,4"))},
      {"padded ids, and hashed ones that are not",
       {{2, 3}, {49, -1, 7, -1, 0, -1}, {}},
       {{2, 2}, {-1, 5, -1, -1}, {}},
       false,
       rows_of(ints("ids", 3, "49,7,0") + ints("row_splits", 3, "0,2,3"),
               ints("ids", 4, "-1,5,-1,-1") + ints("row_splits", 3, "0,2,4"))},
      {"padded texts",
       {{2, 1}, {7, -1}, {}},
       {{2, 3}, {}, {"CH", "", "FR", "", "", ""}},
       true,
       rows_of(ints("ids", 1, "7") + ints("row_splits", 3, "0,1,1"),
               "strings { values: ['CH','FR'] }" + ints("row_splits", 3, "0,2,2"))},
      {"no category at all",
       {{2, 2}, {-1, -1, -1, -1}, {}},
       {{2}, {-1, -1}, {}},
       true,
       rows_of(ints("ids", 0, "") + ints("row_splits", 3, "0,0,0"),
               ints("ids", 0, "") + ints("row_splits", 3, "0,0,0"))},
  };
  std::set<std::string> outputs;
  for (const auto& [name, shops, countries, padded, same] : cases) {
    auto request = Infer("baskets");
    for (const auto& [input, shaped] :
         {std::pair("shop", shops), std::pair("country", countries)}) {
      shaped.texts.empty() ? AddIds(input, shaped.ids, &request) : AddTexts(shaped.texts, &request);
      request.mutable_inputs()->rbegin()->mutable_shape()->Assign(shaped.shape.begin(),
                                                                  shaped.shape.end());
    }
    if (padded) (*request.mutable_parameters())["padded_categories"].set_bool_param(true);
    const auto answer = client_->Call(request);
    ASSERT_TRUE(answer.ok()) << name << answer;

    v1::PredictRequest predict = same;
    predict.set_model("baskets");
    *predict.mutable_inputs() = Floats({2, 2}, {1, 2, 3, -4});
    predict.mutable_inputs()->set_raw(request.raw_input_contents(0));
    const auto predicted = client_->Call(predict);
    ASSERT_TRUE(predicted.ok()) << name << predicted;
    EXPECT_EQ(answer->raw_output_contents(0), predicted->outputs().raw()) << name;
    outputs.insert(answer->raw_output_contents(0));
  }
  EXPECT_EQ(outputs.size(), std::size(cases));
}

TEST_F(InferenceTest, ANetworkOfCategoriesAlonePredictsTheBitsOfPredict) {
  auto create = CategoricalModel("alone");
  create.mutable_model()->mutable_network()->clear_input_features();
  Create(create);
  inference::ModelMetadataRequest metadata;
  metadata.set_name("alone");
  const auto described = client_->Call(metadata);
  ASSERT_TRUE(described.ok()) << described;
  ASSERT_EQ(described->inputs_size(), 2);
  EXPECT_EQ(described->inputs(0).name(), "shop");
  EXPECT_EQ(described->inputs(1).datatype(), "BYTES");

  v1::Batch batch = FromText<v1::Batch>(R"(
    categories { name: 'shop' ids { data_type: DATA_TYPE_INT64 shape: 1 ints { values: 7 } } }
    categories { name: 'country' strings { values: 'CH' } })");
  *batch.mutable_targets() = Floats({1, 1}, {5});
  ASSERT_TRUE(client_->Call(StepOf("alone", batch)).ok());
  v1::PredictRequest predict;
  predict.set_model("alone");
  *predict.mutable_categories() = batch.categories();
  const auto predicted = client_->Call(predict);
  ASSERT_TRUE(predicted.ok()) << predicted;

  inference::ModelInferRequest request;
  request.set_model_name("alone");
  AddTexts({"CH"}, &request);
  AddIds("shop", {7}, &request);
  const auto answer = client_->Call(request);
  ASSERT_TRUE(answer.ok()) << answer;
  // Which are answered as their ids came.
  const auto& expected = predicted->outputs().floats().values();
  ASSERT_EQ(expected.size(), 1);
  EXPECT_EQ(answer->raw_output_contents(0),
            std::string(reinterpret_cast<const char*>(expected.data()), sizeof(float)));
  EXPECT_NE(expected[0], 0);
}

TEST_F(InferenceTest, TextsOfALargeMessageAreAllThere) {
  Create(CategoricalModel("shops"));
  constexpr std::int64_t kRows = 200'000;  // read on a thread of its own
  inference::ModelInferRequest request = Infer("shops");
  request.mutable_inputs(0)->set_shape(0, kRows);
  request.mutable_raw_input_contents(0)->resize(kRows * 2 * sizeof(float));
  AddIds("shop", std::vector<std::int64_t>(kRows, 3), &request);
  AddTexts(std::vector<std::string>(kRows, "a country"), &request);
  const auto raw = client_->Call(request);
  ASSERT_TRUE(raw.ok()) << raw;
  request.clear_raw_input_contents();
  auto* const numbers = request.mutable_inputs(0)->mutable_contents()->mutable_fp32_contents();
  numbers->Resize(2 * kRows, 0);
  const float first[] = {1, 2, 3, -4};
  std::copy(std::begin(first), std::end(first), numbers->begin());
  request.mutable_inputs(1)->mutable_contents()->mutable_int64_contents()->Resize(kRows, 3);
  for (std::int64_t i = 0; i < kRows; ++i) {
    request.mutable_inputs(2)->mutable_contents()->add_bytes_contents("a country");
  }
  const auto typed = client_->Call(request);
  ASSERT_TRUE(typed.ok()) << typed;
  EXPECT_EQ(typed->raw_output_contents(0).size(), kRows * sizeof(float));
  EXPECT_EQ(typed->raw_output_contents(0), raw->raw_output_contents(0));
}

TEST_F(InferenceTest, CategoriesThatAreWrongAreRefusedByTheirPlace) {
  Create(CategoricalModel("shops"));
  auto request = Infer("shops");
  EXPECT_THAT(client_->Call(request), FailsAt("inputs", "REQUIRED_FIELD"));
  AddIds("shop", {1, 50}, &request);
  AddTexts({"CH", "CH"}, &request);
  const auto beyond = client_->Call(request);
  EXPECT_THAT(beyond, FailsAt("inputs[1]", "INVALID_FIELD"));
  EXPECT_THAT(beyond.status.message,
              HasSubstr("expected an id in [0, 50), or -1 for no category, got 50 at row 1"));
}

TEST_F(InferenceTest, RawOutputsComeBeforeTheLosssTransform) {
  auto create = LineModel("probability");
  create.mutable_model()->mutable_network()->mutable_loss()->set_kind(
      v1::LOSS_KIND_BINARY_CROSS_ENTROPY);
  Create(create);
  const auto first = [&](const inference::ModelInferRequest& request) {
    const auto answer = client_->Call(request);
    EXPECT_TRUE(answer.ok()) << answer;
    float value = -1;
    if (answer.ok()) std::memcpy(&value, answer->raw_output_contents(0).data(), sizeof value);
    return value;
  };
  auto request = Infer("probability");
  EXPECT_EQ(first(request), 0.5F);
  (*request.mutable_parameters())["raw_outputs"].set_bool_param(true);
  EXPECT_EQ(first(request), 0);
}

TEST_F(InferenceTest, ErrorsAreOurs) {
  auto request = Infer("nobody");
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
  request.set_model_name("No name!");
  EXPECT_THAT(client_->Call(request), FailsAt("model_name", "INVALID_NAME"));
  request = Infer("line");
  request.mutable_inputs(0)->set_shape(1, 3);
  EXPECT_THAT(client_->Call(request), FailsAt("inputs[0]", "WRONG_SHAPE"));
}

TEST_F(InferenceTest, SaysThatTheServerLivesAndIsReady) {
  EXPECT_TRUE(client_->Call(inference::ServerLiveRequest())->live());
  EXPECT_TRUE(client_->Call(inference::ServerReadyRequest())->ready());
  const auto metadata = client_->Call(inference::ServerMetadataRequest());
  EXPECT_EQ(metadata->name(), "descent");
  EXPECT_FALSE(metadata->version().empty());
  EXPECT_THAT(metadata->extensions(), ElementsAre("binary_tensor_data"));
}

TEST_F(InferenceTest, AServerThatStartsLivesAndIsNotReady) {
  Start();
  const auto live = client_->Call(inference::ServerLiveRequest());
  ASSERT_TRUE(live.ok()) << live;
  EXPECT_TRUE(live->live());
  const auto ready = client_->Call(inference::ServerReadyRequest());
  ASSERT_TRUE(ready.ok()) << ready;
  EXPECT_FALSE(ready->ready());
  EXPECT_FALSE(IsReady("line"));
  EXPECT_TRUE(client_->Call(inference::ServerMetadataRequest()).ok());
  EXPECT_THAT(client_->Call(Infer("line")), FailsWith(StatusCode::kUnavailable, "STARTING"));
  EXPECT_THAT(client_->Call(Metadata()), FailsWith(StatusCode::kUnavailable, "STARTING"));
}

TEST_F(InferenceTest, AModelIsReadyWhenItIsThere) {
  EXPECT_TRUE(IsReady("line"));
  EXPECT_FALSE(IsReady("nobody"));
  Train(2);
  EXPECT_FALSE(IsReady("line", "2"));
  Save();
  EXPECT_TRUE(IsReady("line", "2"));
  EXPECT_FALSE(IsReady("line", "1"));
  EXPECT_FALSE(IsReady("line", "v2"));
}

TEST_F(InferenceTest, MetadataNameTheCheckpoints) {
  EXPECT_THAT(client_->Call(Metadata())->versions(), ElementsAre());
  for (int i = 0; i < 2; ++i) {
    Train(2);
    Save();
  }
  const auto metadata = client_->Call(Metadata());
  ASSERT_TRUE(metadata.ok()) << metadata;
  EXPECT_THAT(metadata->versions(), ElementsAre("4", "2"));
  EXPECT_EQ(metadata->platform(), "descent");
  EXPECT_THAT(metadata->inputs(0).shape(), ElementsAre(-1, 2));
  EXPECT_THAT(metadata->outputs(0).shape(), ElementsAre(-1, 1));
  EXPECT_TRUE(client_->Call(Metadata("2")).ok());
  const auto unknown = client_->Call(Metadata("3"));
  EXPECT_THAT(unknown, FailsWith(StatusCode::kNotFound, "VERSION_NOT_FOUND"));
  EXPECT_THAT(unknown.status.message, HasSubstr("there are 4, 2"));
}

TEST_F(InferenceTest, MoreVersionsThanAPageOfCheckpointsAreAllThere) {
  for (int i = 0; i < 1001; ++i) {
    Train(1);
    Save();
  }
  EXPECT_EQ(client_->Call(Metadata())->versions_size(), 1001);
}

TEST_F(InferenceTest, AVersionPredictsAsTheModelDidAtItsCheckpoint) {
  std::vector<std::string> outputs;
  for (int i = 0; i < 4; ++i) {
    Train(2);
    Save();
    outputs.push_back(client_->Call(Infer("line"))->raw_output_contents(0));
  }
  Train(1);
  auto request = Infer("line");
  for (int round = 0; round < 2; ++round) {
    for (int i = 3; i >= 0; --i) {
      const std::string version = std::to_string(2 * (i + 1));
      request.set_model_version(version);
      const auto answer = client_->Call(request);
      ASSERT_TRUE(answer.ok()) << answer;
      EXPECT_EQ(answer->model_version(), version);
      EXPECT_EQ(answer->raw_output_contents(0), outputs[static_cast<std::size_t>(i)]);
    }
  }
}

TEST_F(InferenceTest, ManyWhoAskForAVersionAtOnceAllGetIt) {
  Train(2);
  Save();
  const std::string expected = client_->Call(Infer("line"))->raw_output_contents(0);
  Train(1);
  auto request = Infer("line");
  request.set_model_version("2");
  std::vector<std::thread> callers;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        const auto answer = client_->Call(request);
        right += answer.ok() && answer->raw_output_contents(0) == expected ? 1 : 0;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(right, 400);
}

TEST_F(InferenceTest, AVersionThatWasReplacedOrDeletedIsServedNoLonger) {
  Train(2);
  Save();
  // Forward to a step, back, and to the same step another way.
  const auto restore = FromText<v1::RestoreCheckpointRequest>("model: 'line' step: 2");
  const auto parameters = FromText<v1::SetParametersRequest>(R"(
    model: 'line' parameters { name: 'layers.0.bias'
      tensor { data_type: DATA_TYPE_FLOAT32 shape: 1 floats { values: 5 } } })");
  ASSERT_TRUE(client_->Call(parameters).ok());
  Save();
  auto request = Infer("line");
  request.set_model_version("3");
  const auto before = client_->Call(request);
  ASSERT_TRUE(before.ok()) << before;
  ASSERT_TRUE(client_->Call(restore).ok());
  Train(1);
  Save();
  const auto replaced = client_->Call(request);
  ASSERT_TRUE(replaced.ok()) << replaced;
  EXPECT_NE(replaced->raw_output_contents(0), before->raw_output_contents(0));
  const auto deletion = FromText<v1::DeleteCheckpointRequest>("model: 'line' step: 3");
  ASSERT_TRUE(client_->Call(deletion).ok());
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kNotFound, "VERSION_NOT_FOUND"));
}

TEST_F(InferenceTest, AVersionForWhichThereIsNoMemoryIsRefused) {
  Train(1);
  Save();
  auto request = Infer("line");
  request.set_model_version("1");
  ASSERT_TRUE(client_->Call(request).ok());
  const models::MemoryCharge everything =
      registry_->memory()->Count(models::MemoryPurpose::kReceived, std::size_t{1} << 50);
  EXPECT_EQ(client_->Call(request).status.code, StatusCode::kResourceExhausted);
}

TEST_F(InferenceTest, AVersionThatIsNotThereIsNotFound) {
  Train(2);
  Save();
  auto request = Infer("line");
  request.set_model_version("7");
  const auto unknown = client_->Call(request);
  EXPECT_THAT(unknown, FailsWith(StatusCode::kNotFound, "VERSION_NOT_FOUND"));
  EXPECT_THAT(unknown.status.message, HasSubstr("there are 2"));
  request.set_model_version("latest");
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kNotFound, "VERSION_NOT_FOUND"));
}

}  // namespace
}  // namespace descent::testing
