// ModelService through the real server.

#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ModelServiceTest : public ServiceTest {};

std::string NamesOf(const Answer<v1::ListModelsResponse>& answer) {
  std::string names;
  for (const v1::Model& model : answer->models()) names += model.name() + " ";
  return names;
}

TEST_F(ModelServiceTest, CreateAnswersWithTheModelAsGetDoes) {
  v1::CreateModelRequest request = LineModel("line");
  (*request.mutable_model()->mutable_labels())["owner"] = "us";
  const auto created = client_->Call(request);
  ASSERT_TRUE(created.ok()) << created;
  const v1::Model& model = created->model();
  EXPECT_EQ(model.name(), "line");
  EXPECT_EQ(model.step(), 0);
  EXPECT_EQ(model.durable_step(), 0);
  EXPECT_EQ(model.parameter_count(), 3);
  EXPECT_EQ(model.durability(), v1::DURABILITY_JOURNAL);
  EXPECT_EQ(model.labels().at("owner"), "us");
  EXPECT_EQ(model.last_loss(), 0);
  EXPECT_NE(model.state_hash(), 0u);
  EXPECT_EQ(model.network().layers_size(), 1);
  EXPECT_EQ(model.network().data_type(), v1::DATA_TYPE_FLOAT32);
  EXPECT_EQ(model.optimizer().learning_rate(), 0.125);
  const absl::Time created_at = absl::FromTimeT(model.create_time().seconds());
  EXPECT_LT(absl::AbsDuration(absl::Now() - created_at), absl::Minutes(1));
  EXPECT_EQ(Get("line").SerializeAsString(), model.SerializeAsString());
}

TEST_F(ModelServiceTest, CreateNamesTheFieldAtFault) {
  v1::CreateModelRequest request = LineModel("Line");
  EXPECT_THAT(client_->Call(request).status.fields, ElementsAre("model.name"));
  request = LineModel("line");
  request.mutable_model()->mutable_network()->mutable_layers(0)->mutable_dense()->set_units(0);
  const auto answer = client_->Call(request);
  EXPECT_EQ(answer.status.code, StatusCode::kInvalidArgument);
  EXPECT_THAT(answer.status.fields, ElementsAre("model.network.layers[0].dense.units"));
  request = LineModel("line");
  request.mutable_model()->set_step(1);
  EXPECT_THAT(client_->Call(request).status.fields, ElementsAre("model.step"));
}

TEST_F(ModelServiceTest, CreateTwiceIsAnErrorButARepeatIsNot) {
  v1::CreateModelRequest request = LineModel("line");
  request.set_request_id("first");
  const auto first = client_->Call(request);
  ASSERT_TRUE(first.ok()) << first;
  ASSERT_TRUE(client_->Call(StepOf("line", LineBatch(4, 1))).ok());

  const auto repeat = client_->Call(request);
  ASSERT_TRUE(repeat.ok()) << repeat;
  EXPECT_EQ(repeat->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(Get("line").step(), 1);

  EXPECT_THAT(client_->Call(LineModel("line")),
              FailsWith(StatusCode::kAlreadyExists, "MODEL_EXISTS"));
  request.mutable_model()->mutable_network()->set_seed(5);
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kAlreadyExists, "REQUEST_ID_REUSED"));
}

TEST_F(ModelServiceTest, GetOfAnUnknownModelIsNotFound) {
  const auto answer = client_->Call(GetOf("nobody"));
  EXPECT_THAT(answer, FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
  EXPECT_THAT(answer.status.message, HasSubstr("nobody"));
}

TEST_F(ModelServiceTest, ListGoesThroughThePagesByName) {
  for (const char* name : {"c", "a", "e", "b", "d"}) Create(LineModel(name));
  v1::ListModelsRequest request;
  EXPECT_EQ(NamesOf(client_->Call(request)), "a b c d e ");
  request.set_page_size(2);
  auto page = client_->Call(request);
  EXPECT_EQ(NamesOf(page), "a b ");
  request.set_page_token(page->next_page_token());
  page = client_->Call(request);
  EXPECT_EQ(NamesOf(page), "c d ");
  request.set_page_token(page->next_page_token());
  page = client_->Call(request);
  EXPECT_EQ(NamesOf(page), "e ");
  EXPECT_EQ(page->next_page_token(), "");
}

TEST_F(ModelServiceTest, ListRefusesABadPage) {
  v1::ListModelsRequest request;
  request.set_page_size(-1);
  EXPECT_THAT(client_->Call(request).status.fields, ElementsAre("page_size"));
  request.set_page_size(1);
  request.set_page_token("not one of ours");
  EXPECT_THAT(client_->Call(request).status.fields, ElementsAre("page_token"));
}

TEST_F(ModelServiceTest, UpdateChangesWhatTheMaskNames) {
  Create(LineModel("line"));
  auto request = FromText<v1::UpdateModelRequest>(R"(
    model {
      name: "line"
      optimizer { learning_rate: 0.5 sgd {} }
      durability: DURABILITY_MEMORY
    }
    update_mask { paths: "optimizer.learning_rate" })");
  request.set_request_id("slower");
  const auto updated = client_->Call(request);
  ASSERT_TRUE(updated.ok()) << updated;
  EXPECT_EQ(updated->model().optimizer().learning_rate(), 0.5);
  EXPECT_EQ(updated->model().durability(), v1::DURABILITY_JOURNAL);
  EXPECT_EQ(updated->model().step(), 0);
  const auto step = client_->Call(StepOf("line", LineBatch(4, 1)));
  EXPECT_EQ(step->learning_rate(), 0.5);

  EXPECT_EQ(client_->Call(request)->SerializeAsString(), updated->SerializeAsString());
  request.mutable_model()->mutable_optimizer()->set_learning_rate(0.25);
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kAlreadyExists, "REQUEST_ID_REUSED"));
}

TEST_F(ModelServiceTest, UpdateNeverChangesTheNetwork) {
  Create(LineModel("line"));
  const auto request = FromText<v1::UpdateModelRequest>(R"(
    model { name: "line" network { input_features: 3 } }
    update_mask { paths: "network" })");
  EXPECT_EQ(client_->Call(request).status.code, StatusCode::kInvalidArgument);
  EXPECT_EQ(Get("line").network().input_features(), 2);
}

TEST_F(ModelServiceTest, DeleteFreesTheNameAndIsSafeToRepeat) {
  Create(LineModel("line"));
  auto request = FromText<v1::DeleteModelRequest>(R"(name: "line" request_id: "bye")");
  ASSERT_TRUE(client_->Call(request).ok());
  EXPECT_THAT(client_->Call(GetOf("line")), FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
  EXPECT_TRUE(client_->Call(request).ok());
  Create(LineModel("line"));
  EXPECT_EQ(Get("line").step(), 0);
  EXPECT_TRUE(client_->Call(request).ok()) << "a repeat deletes nothing";
  EXPECT_EQ(Get("line").name(), "line");
  request.set_name("other");
  request.clear_request_id();
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
}

TEST_F(ModelServiceTest, ParametersAreReadInTheOrderAskedFor) {
  Create(LineModel("line"));
  v1::GetParametersRequest request;
  request.set_model("line");
  const auto all = client_->Call(request);
  ASSERT_TRUE(all.ok()) << all;
  ASSERT_EQ(all->parameters_size(), 2);
  EXPECT_EQ(all->parameters(0).name(), "layers.0.kernel");
  EXPECT_THAT(all->parameters(0).tensor().shape(), ElementsAre(2, 1));
  EXPECT_EQ(all->parameters(0).tensor().raw(), std::string(8, '\0'));
  EXPECT_EQ(all->parameters(1).name(), "layers.0.bias");

  request.add_names("layers.0.bias");
  request.add_names("layers.0.kernel");
  const auto two = client_->Call(request);
  ASSERT_EQ(two->parameters_size(), 2);
  EXPECT_EQ(two->parameters(0).name(), "layers.0.bias");
  EXPECT_THAT(two->parameters(0).tensor().shape(), ElementsAre(1));

  request.add_names("layers.7.bias");
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kNotFound, "PARAMETER_NOT_FOUND"));
}

TEST_F(ModelServiceTest, SetParametersReplacesWhatItNamesAndCounts) {
  Create(LineModel("line"));
  v1::SetParametersRequest request;
  request.set_model("line");
  request.set_request_id("set");
  request.set_expected_step(0);
  auto* kernel = request.add_parameters();
  kernel->set_name("layers.0.kernel");
  *kernel->mutable_tensor() = Floats({2, 1}, {1, 2});
  const auto set = client_->Call(request);
  ASSERT_TRUE(set.ok()) << set;
  EXPECT_EQ(set->step(), 1);
  const auto predicted = client_->Call(PredictOf("line", Floats({1, 2}, {3, 4})));
  EXPECT_EQ(predicted->step(), 1);
  EXPECT_THAT(predicted->outputs().floats().values(), ElementsAre(11));

  EXPECT_EQ(client_->Call(request)->step(), 1) << "a repeat changes nothing";
  request.set_request_id("set again");
  const auto late = client_->Call(request);
  EXPECT_THAT(late, FailsWith(StatusCode::kAborted, "STEP_MISMATCH"));
  EXPECT_EQ(Get("line").step(), 1);
}

TEST_F(ModelServiceTest, SetParametersRefusesWhatDoesNotFit) {
  Create(LineModel("line"));
  v1::SetParametersRequest request;
  request.set_model("line");
  EXPECT_THAT(client_->Call(request).status.fields, ElementsAre("parameters"));
  auto* kernel = request.add_parameters();
  kernel->set_name("layers.0.kernel");
  *kernel->mutable_tensor() = Floats({1, 2}, {1, 2});
  const auto shape = client_->Call(request);
  EXPECT_THAT(shape, FailsAt("parameters[0].tensor", "WRONG_SHAPE"));
  EXPECT_EQ(shape.status.metadata.at("expected"), "[2, 1]");
  EXPECT_EQ(shape.status.metadata.at("actual"), "[1, 2]");
  kernel->set_name("layers.0.weight");
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kNotFound, "PARAMETER_NOT_FOUND"));
}

}  // namespace
}  // namespace descent::testing
