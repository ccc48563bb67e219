#include "server/models/registry/registry.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::FailsAt;
using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;
using ::descent::testing::StatusIs;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

absl::StatusOr<ModelInfo> Create(Registry& registry, CreateModelCommand command) {
  return Await<ModelInfo>(
      [&](Reply<ModelInfo> reply) { registry.Create(std::move(command), {}, std::move(reply)); });
}

absl::Status Delete(Registry& registry, const std::string& name, RequestKey request = {}) {
  return Await<DeleteModelOutcome>([&](Reply<DeleteModelOutcome> reply) {
           registry.Delete({.name = name, .request = std::move(request)}, {}, std::move(reply));
         })
      .status();
}

std::vector<std::string> Names(const ListModelsOutcome& page) {
  std::vector<std::string> names;
  for (const ModelInfo& model : page.models) names.push_back(model.settings.name);
  return names;
}

TEST(RegistryTest, CreatesModelsAtStepZero) {
  Registry registry{ModelsOptions{}};
  CreateModelCommand command = CreateCommand("m");
  command.settings.labels = {{"team", "search"}};
  const auto info = Create(registry, std::move(command));
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->settings.name, "m");
  EXPECT_EQ(info->settings.labels.at("team"), "search");
  EXPECT_EQ(info->step, 0);
  EXPECT_EQ(info->parameter_count, 66);
  EXPECT_EQ(info->state_hash, HashAfter(SampleNetwork(), {}));
  EXPECT_EQ(info->create_time, info->update_time);
  const auto model = registry.Find("m");
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ((*model)->name(), "m");
  EXPECT_EQ(Info(**model)->state_hash, info->state_hash);
  EXPECT_THAT(registry.Find("n"), StatusIs(absl::StatusCode::kNotFound, _));
}

TEST(RegistryTest, ANameIsTakenOnce) {
  Registry registry{ModelsOptions{}};
  ASSERT_THAT(Create(registry, CreateCommand("m")), IsOk());
  const auto again = Create(registry, CreateCommand("m"));
  EXPECT_THAT(again, StatusIs(absl::StatusCode::kAlreadyExists, _));
  EXPECT_THAT(again, ReasonIs("MODEL_EXISTS"));
  ASSERT_THAT(Delete(registry, "m"), IsOk());
  EXPECT_THAT(Create(registry, CreateCommand("m")), IsOk());
}

TEST(RegistryTest, NamesTheFieldThatIsWrong) {
  Registry registry{ModelsOptions{}};
  CreateModelCommand no_units = CreateCommand("m");
  std::get<DenseSpec>(no_units.settings.network.layers[1]).units = 0;
  const auto bad_network = Create(registry, std::move(no_units));
  EXPECT_THAT(bad_network, StatusIs(absl::StatusCode::kInvalidArgument, _));
  EXPECT_EQ(GetErrorDetails(bad_network.status()).field, "model.network.layers[1].dense.units");
  CreateModelCommand bad_rate = CreateCommand("m");
  bad_rate.settings.optimizer.algorithm = AdamOptions{.beta1 = 2};
  const auto bad_optimizer = Create(registry, std::move(bad_rate));
  EXPECT_EQ(GetErrorDetails(bad_optimizer.status()).field.substr(0, 16), "model.optimizer.");
  // Nothing is left of the attempts.
  EXPECT_EQ(registry.Usage().models, 0);
  EXPECT_EQ(registry.memory()->used(MemoryPurpose::kModels), 0);
  EXPECT_THAT(Create(registry, CreateCommand("m")), IsOk());
}

TEST(RegistryTest, RepeatsOfCreateAndDeleteChangeNothing) {
  Registry registry{ModelsOptions{}};
  CreateModelCommand command = CreateCommand("m");
  command.request = {"create", 1};
  const auto first = Create(registry, command);
  ASSERT_THAT(first, IsOk());
  const auto repeat = Create(registry, command);
  ASSERT_THAT(repeat, IsOk());
  EXPECT_EQ(repeat->create_time, first->create_time);
  command.request.fingerprint = 2;
  EXPECT_THAT(Create(registry, command), ReasonIs("REQUEST_ID_REUSED"));
  EXPECT_THAT(Delete(registry, "m", {"create", 1}), ReasonIs("REQUEST_ID_REUSED"));
  EXPECT_THAT(Delete(registry, "m", {"delete", 1}), IsOk());
  EXPECT_THAT(Delete(registry, "m", {"delete", 1}), IsOk());
  EXPECT_THAT(Delete(registry, "m"), ReasonIs("MODEL_NOT_FOUND"));
}

TEST(RegistryTest, ListsPagesByName) {
  Registry registry{ModelsOptions{}};
  for (const char* name : {"d", "a", "e", "c", "b"}) {
    ASSERT_THAT(Create(registry, CreateCommand(name)), IsOk());
  }
  const auto first = registry.List({.page_size = 2});
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(Names(*first), ElementsAre("a", "b"));
  // A page goes on behind the last name, whatever became of it.
  ASSERT_THAT(Delete(registry, "b"), IsOk());
  const auto second = registry.List({.page_size = 2, .page_token = first->next_page_token});
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT(Names(*second), ElementsAre("c", "d"));
  const auto third = registry.List({.page_size = 2, .page_token = second->next_page_token});
  ASSERT_THAT(third, IsOk());
  EXPECT_THAT(Names(*third), ElementsAre("e"));
  EXPECT_THAT(third->next_page_token, IsEmpty());
  EXPECT_EQ(registry.List({})->models.size(), 4);
  EXPECT_THAT(registry.List({.page_size = -1}), FailsAt("page_size", "INVALID_FIELD"));
  EXPECT_THAT(registry.List({.page_token = "b"}), FailsAt("page_token", "INVALID_FIELD"));
}

TEST(RegistryTest, ListsThoseThatMayBeSeenInPagesThatAreFull) {
  Registry registry{ModelsOptions()};
  for (int i = 10; i < 40; ++i) CreateModel(&registry, absl::StrCat("m", i));
  const auto ends_in_7 = [](std::string_view name) { return name.back() == '7'; };
  const auto first = registry.List({.page_size = 2}, ends_in_7);
  EXPECT_THAT(Names(*first), ElementsAre("m17", "m27"));
  const auto second =
      registry.List({.page_size = 2, .page_token = first->next_page_token}, ends_in_7);
  EXPECT_THAT(Names(*second), ElementsAre("m37"));
  EXPECT_EQ(second->next_page_token, "");
  const auto none = registry.List({}, [](std::string_view) { return false; });
  EXPECT_THAT(Names(*none), IsEmpty());
  EXPECT_EQ(none->next_page_token, "");
}

TEST(RegistryTest, KeepsToItsMemoryBudget) {
  ModelsOptions options;
  options.memory_budget_bytes = 1 << 20;
  Registry registry(options);
  // 250,000 parameters, six copies with Adam.
  const auto large = Create(registry, CreateCommand("large", SampleNetwork({500, 500})));
  EXPECT_THAT(large, StatusIs(absl::StatusCode::kResourceExhausted, _));
  EXPECT_THAT(large, ReasonIs("MEMORY_BUDGET"));
  int models = 0;
  absl::Status status;
  while (status.ok() && models < 1000) {
    status = Create(registry, CreateCommand(absl::StrCat("m", models))).status();
    if (status.ok()) ++models;
  }
  EXPECT_THAT(status, ReasonIs("MEMORY_BUDGET"));
  EXPECT_GT(models, 50);
  EXPECT_LE(registry.Usage().memory_bytes, options.memory_budget_bytes);
  // What a model held is there again when it has gone.
  ASSERT_THAT(Delete(registry, "m0"), IsOk());
  EXPECT_THAT(Create(registry, CreateCommand("again")), IsOk());
  for (int i = 1; i < models; ++i) ASSERT_THAT(Delete(registry, absl::StrCat("m", i)), IsOk());
  ASSERT_THAT(Delete(registry, "again"), IsOk());
  EXPECT_EQ(registry.memory()->used(MemoryPurpose::kModels), 0);
}

TEST(RegistryTest, CountsWhatLargerBatchesTake) {
  Registry registry{ModelsOptions{}};
  const auto model = CreateModel(&registry, "m");
  const std::size_t before = registry.Usage().memory_bytes;
  ASSERT_THAT(Step(*model, StepOn(*model->network(), 0, /*rows=*/5000)), IsOk());
  EXPECT_GT(registry.Usage().memory_bytes, before + 5000 * (8 + 2) * sizeof(float));
}

TEST(RegistryTest, ChangingTheOptimizerKeepsToTheBudget) {
  ModelsOptions options;
  // Of which models may have three quarters: SGD with momentum fits, Adam does not.
  options.memory_budget_bytes = ((32 << 10) + std::size_t{4} * 4 * 41'000) / 3 * 4;
  Registry registry(options);
  CreateModelCommand command = CreateCommand("m", SampleNetwork({200, 190}));
  command.settings.optimizer.algorithm = SgdOptions{.momentum = 0.9};
  ASSERT_THAT(Create(registry, command), IsOk());
  const auto model = *registry.Find("m");
  const auto update = Await<ModelInfo>([&](Reply<ModelInfo> reply) {
    UpdateModelCommand to_adam;
    to_adam.optimizer = SampleOptimizer();
    model->Update(std::move(to_adam), {}, std::move(reply));
  });
  EXPECT_THAT(update, ReasonIs("MEMORY_BUDGET"));
  EXPECT_TRUE(std::holds_alternative<SgdOptions>(model->settings().optimizer.algorithm));
}

TEST(RegistryTest, OutlivesCallsThatAreStillHeld) {
  Pending<StepOutcome> pending;
  {
    ModelsOptions options;
    options.inline_multiply_adds = -1;
    Registry registry(options);
    const auto model = CreateModel(&registry, "m");
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      model->Step(StepOn(*model->network(), seed), {}, [](absl::StatusOr<StepOutcome>) {});
    }
    model->Step(StepOn(*model->network(), 20), {}, pending.reply());
  }
  EXPECT_EQ(pending.Get()->step, 21);
}

}  // namespace
}  // namespace descent::models
