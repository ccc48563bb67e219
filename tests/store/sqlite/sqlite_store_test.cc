// What is put into the store is found again, and callbacks come as they should.

#include "server/store/sqlite/sqlite_store.h"

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/live_model.h"
#include "tests/store/store_fixture.h"
#include "tests/store/temporary_directory.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

using SqliteStoreTest = StoreFixture;

TEST_F(SqliteStoreTest, ANewStoreIsEmpty) {
  Open();
  EXPECT_THAT(store_->TakeStoredModels(), IsEmpty());
  EXPECT_THAT(store_->status(), IsOk());
  EXPECT_THAT(store_->Find("none"), ReasonIs("MODEL_NOT_FOUND"));
  EXPECT_THAT(store_->RegistryAnswers(), IsOk());
}

TEST_F(SqliteStoreTest, AModelIsRecoveredFromItsJournal) {
  Open();
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_THAT(*model->StepNow(seed), Eq(seed));
  }
  const ModelState before = model->State();
  model = nullptr;
  auto models = Reopen();
  ASSERT_THAT(models, SizeIs(1));
  EXPECT_THAT(models[0]->State(), Eq(before));
  EXPECT_THAT(*models[0]->StepNow(21), Eq(21));
}

// Of what is stored together the last publishes for all, before any of them is answered; what the
// others would have published is let go of at once.
TEST_F(SqliteStoreTest, WhatIsStoredTogetherIsPublishedOnce) {
  Open();
  const std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  absl::Mutex mutex;
  std::vector<std::string> events;
  const auto log = [&](std::string event) {
    const absl::MutexLock lock(&mutex);
    events.push_back(std::move(event));
  };
  std::vector<std::weak_ptr<int>> held;
  const auto append = [&](const std::string& name, std::int64_t step, Update update) {
    const auto parameters = std::make_shared<int>();
    held.push_back(parameters);
    UpdateRecord record;
    record.time = absl::Now();
    record.update = std::move(update);
    record.result.step = step;
    model->journal().Append(
        std::move(record),
        [&log, name, parameters](std::int64_t durable) {
          log(absl::StrCat("publish ", name, " at ", durable));
        },
        [&log, name](const absl::StatusOr<std::int64_t>& durable) {
          log(absl::StrCat("answer ", name, " at ", *durable));
        });
  };
  const auto train = [&](const std::string& name, std::int64_t step) {
    append(name, step, BatchUpdate{testing::RandomBatch(model->network().spec(), 2, 1), {}});
  };
  absl::Notification entered;
  absl::Notification go;
  model->Step(1, [&](const absl::StatusOr<std::int64_t>&) {
    entered.Notify();
    go.WaitForNotification();
  });
  entered.WaitForNotification();
  train("two", 2);
  train("three", 3);
  append("settings", 3, SettingsUpdate{model->settings()});
  train("four", 4);
  train("five", 5);
  std::vector<bool> gone;
  for (const auto& parameters : held) gone.push_back(parameters.expired());
  EXPECT_THAT(gone, ElementsAre(true, true, false, true, false));
  go.Notify();
  absl::Notification finished;
  model->journal().Sync([&](const absl::StatusOr<std::int64_t>&) { finished.Notify(); });
  finished.WaitForNotification();
  EXPECT_THAT(events, ElementsAre("publish settings at 3", "answer two at 2", "answer three at 3",
                                  "answer settings at 3", "publish five at 5", "answer four at 4",
                                  "answer five at 5"));
}

TEST_F(SqliteStoreTest, AModelWithoutUpdatesIsRecovered) {
  Open();
  const ModelState before = Create(SampleSettings("a"))->State();
  auto models = Reopen();
  ASSERT_THAT(models, SizeIs(1));
  EXPECT_THAT(models[0]->State(), Eq(before));
}

TEST_F(SqliteStoreTest, EveryKindOfUpdateIsRecoveredWithAndWithoutCheckpoints) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    TemporaryDirectory directory;
    options_.directory = directory.path();
    Open();
    std::mt19937_64 random(seed);
    std::vector<std::unique_ptr<LiveModel>> models;
    models.push_back(Create(SampleSettings("a")));
    models.push_back(Create(SampleSettings("b", Durability::kJournal, {3})));
    models.push_back(Create(SampleSettings("c", Durability::kJournal, {200, 100, 2})));
    std::vector<std::int64_t> sequences(models.size());
    const OnStored ignore;
    for (int i = 0; i < 300; ++i) {
      const std::size_t which = random() % models.size();
      LiveModel& model = *models[which];
      const auto done = [](const absl::StatusOr<std::int64_t>& step) { EXPECT_THAT(step, IsOk()); };
      switch (random() % 16) {
        case 0:
          model.ApplyGradients(random(), done);
          break;
        case 1:
          model.SetParameters(random(), done);
          break;
        case 2: {
          ModelSettings settings = model.settings();
          settings.optimizer.learning_rate = 1e-3 * static_cast<double>(1 + random() % 20);
          model.ChangeSettings(settings, done);
          break;
        }
        case 3:
          EXPECT_THAT(model.SaveNow(random() % 2 == 0), IsOk());
          break;
        case 4: {
          const auto listed = model.ListNow();
          ASSERT_THAT(listed, IsOk());
          if (listed->empty()) break;
          const std::int64_t step = (*listed)[random() % listed->size()].step;
          if (random() % 2 == 0) {
            EXPECT_THAT(model.RestoreNow(step), IsOk());
          } else {
            model.DeleteCheckpoint(step, done);
          }
          break;
        }
        case 5:
          if (i % 3 == 0) {
            std::vector<ModelState> before;
            for (const auto& each : models) before.push_back(each->State());
            models.clear();
            models = Reopen();
            ASSERT_THAT(models, SizeIs(before.size()));
            for (std::size_t k = 0; k < models.size(); ++k) {
              ASSERT_THAT(models[k]->State(), Eq(before[k])) << "model " << k << " at " << i;
            }
          }
          break;
        default:
          model.Step(random(), done, SessionPosition{"session", ++sequences[which]},
                     AnsweredRequest{std::to_string(i), random()},
                     static_cast<std::int64_t>(1 + random() % 64));
      }
    }
    std::vector<ModelState> before;
    for (const auto& each : models) before.push_back(each->State());
    models.clear();
    models = Reopen();
    ASSERT_THAT(models, SizeIs(before.size()));
    for (std::size_t k = 0; k < models.size(); ++k) EXPECT_THAT(models[k]->State(), Eq(before[k]));
    store_ = nullptr;
  }
}

TEST_F(SqliteStoreTest, CallbacksComeInTheOrderOfTheCalls) {
  Open();
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  absl::Mutex mutex;
  std::vector<std::int64_t> steps;
  constexpr int kSteps = 2000;
  for (int i = 1; i <= kSteps; ++i) {
    model->Step(static_cast<std::uint64_t>(i), [&](absl::StatusOr<std::int64_t> step) {
      const absl::MutexLock lock(&mutex);
      steps.push_back(step.value_or(-1));
    });
  }
  EXPECT_THAT(Await<std::int64_t>([&](OnStored done) { model->journal().Sync(std::move(done)); }),
              IsOk());
  const absl::MutexLock lock(&mutex);
  ASSERT_THAT(steps, SizeIs(kSteps));
  for (int i = 0; i < kSteps; ++i) EXPECT_THAT(steps[static_cast<std::size_t>(i)], Eq(i + 1));
}

TEST_F(SqliteStoreTest, ManyThreadsAppendToTheirModelsAtOnce) {
  Open();
  constexpr int kModels = 4;
  std::vector<std::unique_ptr<LiveModel>> models;
  for (int i = 0; i < kModels; ++i) models.push_back(Create(SampleSettings(std::to_string(i))));
  std::vector<std::thread> threads;
  std::atomic<int> stored = 0;
  for (const auto& model : models) {
    threads.emplace_back([&stored, live = model.get()] {
      for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        live->Step(seed, [&](const absl::StatusOr<std::int64_t>& step) { stored += step.ok(); });
        if (seed % 50 == 0) {
          live->journal().SaveCheckpoint(
              live->Image(), false,
              [](const absl::StatusOr<CheckpointInfo>& saved) { EXPECT_THAT(saved, IsOk()); });
        }
        (void)live->journal().WantsCheckpoint();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<ModelState> before;
  for (const auto& model : models) before.push_back(model->State());
  models.clear();
  models = Reopen();
  EXPECT_THAT(stored, Eq(300 * kModels));
  ASSERT_THAT(models, SizeIs(kModels));
  for (std::size_t i = 0; i < kModels; ++i) EXPECT_THAT(models[i]->State(), Eq(before[i]));
}

TEST_F(SqliteStoreTest, ARemovedModelIsGoneAndItsNameFree) {
  Open();
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  EXPECT_THAT(model->SaveNow(true), IsOk());
  EXPECT_THAT(model->StepNow(2), IsOk());
  EXPECT_THAT(Await<std::int64_t>([&](OnStored done) {
                model->journal().Remove(AnsweredRequest{"remove", 7}, std::move(done));
              }),
              IsOk());
  EXPECT_THAT(store_->Find("a"), ReasonIs("MODEL_NOT_FOUND"));
  model = Create(SampleSettings("a"));
  const ModelState fresh = model->State();
  model = nullptr;
  auto models = Reopen();
  ASSERT_THAT(models, SizeIs(1));
  EXPECT_THAT(models[0]->State(), Eq(fresh));
  const auto answers = store_->RegistryAnswers();
  ASSERT_THAT(answers, IsOk());
  ASSERT_THAT(*answers, SizeIs(1));
  EXPECT_THAT((*answers)[0].request.id, Eq("remove"));
  EXPECT_THAT((*answers)[0].request.fingerprint, Eq(7));
  EXPECT_THAT((*answers)[0].method, Eq("DeleteModel"));
}

TEST_F(SqliteStoreTest, AnswersToCreationsAreRememberedUpToTheWindow) {
  options_.request_window = 3;
  Open();
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(LiveModel::Create(store_.get(), SampleSettings(std::to_string(i)),
                                  AnsweredRequest{std::to_string(i), 1}),
                IsOk());
  }
  Open();
  const auto answers = store_->RegistryAnswers();
  ASSERT_THAT(answers, IsOk());
  std::vector<std::string> ids;
  for (const RememberedAnswer& answer : *answers) {
    EXPECT_THAT(answer.method, Eq("CreateModel"));
    EXPECT_THAT(std::get<ModelAnswer>(answer.answer).settings.name, Eq(answer.request.id));
    ids.push_back(answer.request.id);
  }
  EXPECT_THAT(ids, ElementsAre("2", "3", "4"));
}

TEST_F(SqliteStoreTest, OldAnswersAreForgotten) {
  options_.request_window_age = absl::ZeroDuration();
  Open();
  for (const std::string name : {"a", "b"}) {
    ASSERT_THAT(LiveModel::Create(store_.get(), SampleSettings(name), AnsweredRequest{name, 1}),
                IsOk());
  }
  EXPECT_THAT(*store_->RegistryAnswers(), SizeIs(1));
}

TEST_F(SqliteStoreTest, HashesAreComparedWithWhatEnginesOfThisVersionWrote) {
  Open();
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  model = nullptr;
  const auto hashes = [&] {
    Open();
    const auto stored = store_->TakeStoredModels();
    EXPECT_THAT(stored[0]->Base(), IsOk());
    const auto records = stored[0]->NextRecords();
    return std::make_tuple(stored[0]->InitialStateHash().has_value(),
                           records->at(0).state_hash.has_value(),
                           stored[0]->records_of_other_engines());
  };
  EXPECT_THAT(hashes(), Eq(std::make_tuple(true, true, 0)));
  options_.instruction_set = "another";
  EXPECT_THAT(hashes(), Eq(std::make_tuple(true, true, 0)));
  options_.build = "another";
  EXPECT_THAT(hashes(), Eq(std::make_tuple(true, true, 0)));
  ++options_.engine_version;
  EXPECT_THAT(hashes(), Eq(std::make_tuple(false, false, 1)));
  --options_.engine_version;
  EXPECT_THAT(hashes(), Eq(std::make_tuple(true, true, 0)));
}

TEST_F(SqliteStoreTest, AModelThatWasNotReadToItsEndTakesNothingButItsRemoval) {
  Open();
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  model = nullptr;
  Open();
  const auto stored = store_->TakeStoredModels();
  EXPECT_THAT(stored[0]->Base(), IsOk());
  const std::unique_ptr<Journal> journal = stored[0]->TakeJournal();
  EXPECT_THAT(Await<std::int64_t>([&](OnStored done) { journal->Sync(std::move(done)); }),
              ReasonIs("STORED_STATE_DAMAGED"));
  EXPECT_THAT(Await<std::int64_t>([&](OnStored done) { journal->Remove({}, std::move(done)); }),
              IsOk());
  EXPECT_THAT(store_->Find("a"), ReasonIs("MODEL_NOT_FOUND"));
}

TEST_F(SqliteStoreTest, OpenedForReadingOnlyItKeepsNothing) {
  Open();
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  const ModelState before = model->State();
  model = nullptr;
  options_.read_only = true;
  auto models = Reopen();
  ASSERT_THAT(models, SizeIs(1));
  EXPECT_THAT(models[0]->State(), Eq(before));
  EXPECT_THAT(models[0]->StepNow(2), ReasonIs("STORAGE_FAILED"));
  models.clear();
  options_.read_only = false;
  models = Reopen();
  EXPECT_THAT(models[0]->State(), Eq(before));
}

}  // namespace
}  // namespace descent::store
