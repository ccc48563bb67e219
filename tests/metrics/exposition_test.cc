// What is exposed of a server that works, on a real store.

#include "server/metrics/exposition.h"

#include <cmath>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/metrics/call_metrics.h"
#include "server/metrics/model_metrics.h"
#include "server/metrics/server_metrics.h"
#include "server/services/services.h"
#include "tests/metrics/series.h"
#include "tests/services/disk_service_fixture.h"

namespace descent::metrics {
namespace {

using namespace descent::testing;  // NOLINT(google-build-using-namespace): the fixture's

class ExpositionTest : public DiskServiceTest {
 protected:
  void SetUp() override {
    hooks_ = {.observers = {&calls_}, .messages = &calls_};
    RestartOnDisk();
  }
  void TearDown() override {
    client_.reset();
    server_.reset();
  }

  std::map<std::string, double> Models(std::size_t most = 100) const {
    const auto all = [](std::string_view) { return true; };
    return SeriesOf(ModelFamilies(registry_->Statistics(most, all)));
  }
  std::map<std::string, double> Server() const {
    return SeriesOf(ServerFamilies({"1.2.3", "abc", "x86-64-v3"}, *registry_, server_->Usage(),
                                   std::size_t{64} << 20));
  }
  static std::string Of(const std::string& name, const std::string& model = "line") {
    return absl::StrCat("descent_model_", name, "{model=\"", model, "\"}");
  }

  v1::StepResponse Step(unsigned seed, int rows = 8) {
    const auto answer = client_->Call(StepOf("line", LineBatch(rows, seed)));
    EXPECT_TRUE(answer.ok()) << answer;
    return answer.response;
  }

  CallMetrics calls_{{services::kNetworkService}};
};

TEST_F(ExpositionTest, CountsTheMessagesOfCallsAndOfStreamsThatLast) {
  const auto count = [&](const char* direction, const char* type, const char* method) {
    return SeriesOf(calls_.Collect())
        .at(absl::StrCat("grpc_server_msg_", direction, "_total{grpc_type=\"", type,
                         "\",grpc_service=\"descent.v1.NetworkService\",grpc_method=\"", method,
                         "\"}"));
  };
  Create(LineModel("line"));
  Step(1);
  EXPECT_EQ(count("received", "unary", "Step"), 1);
  EXPECT_EQ(count("sent", "unary", "Step"), 1);
  TrainStream stream = client_->Train();
  ASSERT_TRUE(stream.Write(StartOf("line", "s", /*ack_every=*/1)));
  ASSERT_TRUE(stream.Read().has_value());
  ASSERT_TRUE(stream.Write(BatchOf(1, LineBatch(8, 1))));
  ASSERT_TRUE(stream.Read().has_value());
  EXPECT_EQ(count("received", "bidi_stream", "Train"), 2);
  EXPECT_GE(count("sent", "bidi_stream", "Train"), 1) << "the last may still be on its way";
}

TEST_F(ExpositionTest, TellsHowAModelIsTrained) {
  Create(LineModel("line"));
  Step(1);
  const v1::StepResponse last = Step(2, 5);
  auto series = Models();
  EXPECT_EQ(series.at(Of("step")), 2);
  EXPECT_EQ(series.at(Of("durable_step")), 2);
  EXPECT_EQ(series.at(Of("updates_total")), 2);
  EXPECT_EQ(series.at(Of("trained_rows_total")), 13);
  EXPECT_NEAR(series.at(Of("loss")), last.loss(), 1e-6 * last.loss());
  EXPECT_NEAR(series.at(Of("gradient_norm")), last.gradient_norm(), 1e-6 * last.gradient_norm());
  EXPECT_EQ(series.at(Of("parameters")), 3);
  EXPECT_EQ(series.at(Of("journal_updates")), 2);
  EXPECT_GT(series.at(Of("journal_bytes")), 0);
  EXPECT_GT(series.at(Of("memory_bytes")), 0);
  EXPECT_EQ(series.at("descent_model_state{model=\"line\",state=\"serving\"}"), 1);
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  EXPECT_NEAR(series.at(Of("last_update_timestamp_seconds")), now, 60);
  EXPECT_FALSE(series.contains(Of("checkpoint_step")));
}

TEST_F(ExpositionTest, ACheckpointShortensTheJournalsLag) {
  Create(LineModel("line"));
  Step(1);
  Step(2);
  v1::CreateCheckpointRequest request;
  request.set_model("line");
  ASSERT_TRUE(client_->Call(request).ok());
  auto series = Models();
  EXPECT_EQ(series.at(Of("checkpoint_step")), 2);
  EXPECT_EQ(series.at(Of("journal_updates")), 0);
  EXPECT_EQ(series.at(Of("journal_bytes")), 0);
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  EXPECT_NEAR(series.at(Of("checkpoint_timestamp_seconds")), now, 60);
  Step(3);
  EXPECT_EQ(Models().at(Of("journal_updates")), 1);
}

TEST_F(ExpositionTest, ARestartTellsOfTheSameModel) {
  Create(LineModel("line"));
  Step(1);
  v1::CreateCheckpointRequest request;
  request.set_model("line");
  ASSERT_TRUE(client_->Call(request).ok());
  const v1::StepResponse last = Step(2);
  RestartOnDisk();
  const auto series = Models();
  EXPECT_EQ(series.at(Of("step")), 2);
  EXPECT_EQ(series.at(Of("checkpoint_step")), 1);
  EXPECT_EQ(series.at(Of("journal_updates")), 1);
  EXPECT_NEAR(series.at(Of("gradient_norm")), last.gradient_norm(), 1e-6 * last.gradient_norm());
  EXPECT_EQ(series.at(Of("updates_total")), 0) << "counted from the start on";
}

TEST_F(ExpositionTest, CountsPredictionsAndSessions) {
  Create(LineModel("line"));
  v1::PredictRequest request;
  request.set_model("line");
  *request.mutable_inputs() = Floats({3, 2}, {1, 2, 3, 4, 5, 6});
  ASSERT_TRUE(client_->Call(request).ok());
  EXPECT_EQ(Models().at(Of("predictions_total")), 1);
  EXPECT_EQ(Models().at(Of("predicted_rows_total")), 3);
  EXPECT_EQ(Models().at(Of("training_sessions")), 0);
  {
    TrainStream stream = client_->Train();
    ASSERT_TRUE(stream.Write(StartOf("line", "s")));
    ASSERT_TRUE(stream.Read().has_value());
    EXPECT_EQ(Models().at(Of("training_sessions")), 1);
    EXPECT_EQ(Server().at("descent_open_streams"), 1);
    stream.HalfClose();
    EXPECT_TRUE(stream.Finish().ok());
  }
  EXPECT_EQ(Models().at(Of("training_sessions")), 0);
}

TEST_F(ExpositionTest, ADeletedModelsSeriesVanish) {
  Create(LineModel("line"));
  Create(LineModel("other"));
  v1::DeleteModelRequest request;
  request.set_name("line");
  ASSERT_TRUE(client_->Call(request).ok());
  for (const auto& [name, value] : Models()) {
    EXPECT_FALSE(absl::StrContains(name, "line")) << name;
  }
  EXPECT_EQ(Models().at("descent_models{state=\"serving\"}"), 1);
}

TEST_F(ExpositionTest, TheFirstModelsByNameHaveSeriesAndTheRestAreCounted) {
  for (const char* name : {"d", "b", "a", "c"}) Create(LineModel(name));
  const auto series = Models(/*most=*/2);
  EXPECT_TRUE(series.contains(Of("step", "a")));
  EXPECT_TRUE(series.contains(Of("step", "b")));
  EXPECT_FALSE(series.contains(Of("step", "c")));
  EXPECT_FALSE(series.contains("descent_model_state{model=\"d\",state=\"serving\"}"));
  EXPECT_EQ(series.at("descent_models_without_series"), 2);
  EXPECT_EQ(series.at("descent_models{state=\"serving\"}"), 4);
  EXPECT_EQ(Models(0).at("descent_models_without_series"), 4);
}

TEST_F(ExpositionTest, WhoMayNotSeeAModelIsToldNothingOfIt) {
  for (const char* name : {"pricing-eu", "salaries", "pricing-us"}) Create(LineModel(name));
  const CallMetrics calls({});
  const Exposition exposition({&calls, registry_.get(), server_.get()},
                              {.build = {}, .most_models = 2});
  const std::string text =
      exposition.Write([](std::string_view name) { return name.starts_with("pricing-"); });
  EXPECT_FALSE(absl::StrContains(text, "salaries"));
  const auto series = SeriesOf(text);
  EXPECT_TRUE(series.contains(Of("step", "pricing-us")));
  EXPECT_EQ(series.at("descent_models{state=\"serving\"}"), 2);
  EXPECT_EQ(series.at("descent_models_without_series"), 0);
}

TEST_F(ExpositionTest, TellsWhatTheStoreDoes) {
  Create(LineModel("line"));
  const auto before = Server();
  for (unsigned i = 1; i <= 10; ++i) Step(i);
  const auto after = Server();
  EXPECT_EQ(after.at("descent_store_records_total") - before.at("descent_store_records_total"), 10);
  EXPECT_EQ(after.at("descent_store_commits_total") - before.at("descent_store_commits_total"), 10);
  EXPECT_EQ(after.at("descent_store_commit_seconds_count"),
            after.at("descent_store_commits_total"));
  EXPECT_GE(after.at("descent_store_fsync_seconds_count"), 10);
  EXPECT_GE(after.at("descent_store_commit_seconds_sum"),
            after.at("descent_store_fsync_seconds_sum"));
  EXPECT_GT(after.at("descent_store_file_bytes{file=\"database\"}"), 0);
  EXPECT_GT(after.at("descent_store_file_bytes{file=\"journal_log\"}"), 0);
  EXPECT_GT(after.at("descent_store_free_bytes"), 0);
  EXPECT_EQ(after.at("descent_storage_state{state=\"ok\"}"), 1);
  EXPECT_EQ(after.at("descent_storage_state{state=\"full\"}"), 0);
  EXPECT_EQ(after.at("descent_store_checkpoints_total"), 0);
  v1::CreateCheckpointRequest request;
  request.set_model("line");
  ASSERT_TRUE(client_->Call(request).ok());
  EXPECT_EQ(Server().at("descent_store_checkpoints_total"), 1);
  // Each parameter is laid out from a cache line's beginning on.
  EXPECT_EQ(Server().at("descent_store_checkpoint_bytes_total"), 128);
}

TEST_F(ExpositionTest, TellsWhatTheServerIsAndHolds) {
  const auto series = Server();
  EXPECT_EQ(series.at("descent_build_info{version=\"1.2.3\",commit=\"abc\",instruction_set="
                      "\"x86-64-v3\"}"),
            1);
  EXPECT_EQ(series.at("descent_serving"), 1);
  EXPECT_EQ(series.at("descent_transport_memory_budget_bytes"), 64 << 20);
  EXPECT_EQ(series.at("descent_memory_budget_bytes"),
            static_cast<double>(registry_->memory()->limit()));
  EXPECT_FALSE(series.contains("descent_tls_certificate_expiry_timestamp_seconds"));
  double used = 0;
  for (const auto& [name, value] : series) {
    if (absl::StartsWith(name, "descent_memory_bytes{")) used += value;
  }
  EXPECT_EQ(used, static_cast<double>(registry_->memory()->used()));
}

TEST_F(ExpositionTest, ModelsInMemoryAloneHaveNoStorage) {
  store_.reset();
  Restart();
  Create(LineModel("line"));
  EXPECT_FALSE(Server().contains("descent_storage_state{state=\"ok\"}"));
  EXPECT_FALSE(Models().contains(Of("journal_bytes")));
  EXPECT_TRUE(Models().contains(Of("step")));
}

}  // namespace
}  // namespace descent::metrics
