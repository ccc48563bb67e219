#include "server/models/writing/ack_window.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/commands.h"
#include "server/models/options.h"
#include "server/models/training_session.h"
#include "server/models/work/work_quota.h"

namespace descent::models {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Writes down what a stream is told, in order.
class Listener final : public TrainObserver {
 public:
  void OnReady(const TrainReady& ready) override {
    told.push_back(absl::StrCat("ready ", ready.next_sequence));
  }
  void OnAck(const TrainAck& ack) override {
    told.push_back(absl::StrCat("ack ", ack.sequence, ", durable ", ack.durable_sequence));
    acks.push_back(ack);
  }
  void OnCapacity() override { told.push_back("capacity"); }
  void OnFinished(absl::Status status) override {
    told.push_back(absl::StrCat("finished ", absl::StatusCodeToString(status.code())));
  }

  std::vector<std::string> told;
  std::vector<TrainAck> acks;
};

constexpr AckWindow::Held kBatch{.bytes = 10, .multiply_adds = 100};

class AckWindowTest : public ::testing::Test {
 protected:
  AckWindowTest() {
    options_.session_window = 4;
    options_.session_window_bytes = 1000;
    options_.session_window_multiply_adds = 10'000;
  }

  std::unique_ptr<AckWindow> Open(int ack_every = 1) {
    return std::make_unique<AckWindow>(options_, quota_, ack_every, listener_,
                                       *quota_->Admit(/*bytes=*/0));
  }

  // A batch of `sequence` that led to the step of that number, applied and as durable as told.
  static void Cover(AckWindow& window, std::int64_t sequence, std::int64_t durable_step,
                    const AckWindow::Held& held = kBatch) {
    window.Cover({.sequence = sequence, .step = sequence, .rows = 1}, held, durable_step);
  }

  ModelsOptions options_;
  const std::shared_ptr<WorkQuota> quota_ =
      WorkQuota::Create("tests", {100, 10'000, absl::Seconds(1)}, nullptr);
  const std::shared_ptr<Listener> listener_ = std::make_shared<Listener>();
};

TEST_F(AckWindowTest, ReadsOnUntilItIsFullAndSaysWhenThereIsRoomAgain) {
  const auto window = Open();
  for (int i = 1; i < 4; ++i) {
    EXPECT_TRUE(window->Hold(kBatch));
    EXPECT_TRUE(window->MayReadOn()) << i;
  }
  EXPECT_TRUE(window->Hold(kBatch));
  EXPECT_FALSE(window->MayReadOn());
  Cover(*window, 1, 1);
  Cover(*window, 2, 2);
  EXPECT_THAT(listener_->told, ElementsAre("ack 1, durable 1", "capacity", "ack 2, durable 2"));
}

TEST_F(AckWindowTest, IsBoundedByBytesMultiplyAddsAndTheModelsQuota) {
  for (const AckWindow::Held large : {AckWindow::Held{.bytes = 1000, .multiply_adds = 1},
                                      AckWindow::Held{.bytes = 1, .multiply_adds = 10'000}}) {
    const auto window = Open();
    EXPECT_TRUE(window->MayReadOn());
    EXPECT_TRUE(window->Hold(large));
    EXPECT_FALSE(window->MayReadOn());
    Cover(*window, 1, 1, large);
    EXPECT_EQ(listener_->told.back(), "capacity");
  }
  const auto window = Open();
  const WorkTicket others = quota_->AdmitAlways(10'000);
  EXPECT_TRUE(window->MayReadOn());  // one batch in any case
  EXPECT_TRUE(window->Hold(kBatch));
  EXPECT_FALSE(window->MayReadOn());
}

TEST_F(AckWindowTest, AnAckCoversAsManyBatchesAsWereAskedForAndHalfAWindowAtMost) {
  for (const auto& [asked, acks] : {std::pair(-1, 4), {1, 4}, {2, 2}, {3, 2}, {1000, 2}}) {
    listener_->acks.clear();
    const auto window = Open(asked);
    for (int sequence = 1; sequence <= 4; ++sequence) {
      EXPECT_TRUE(window->Hold(kBatch));
      Cover(*window, sequence, sequence);
    }
    EXPECT_EQ(listener_->acks.size(), acks) << asked;
  }
}

TEST_F(AckWindowTest, AnAckHasTheMeanLossByRowsAndTheRestOfItsLastBatch) {
  const auto window = Open(/*ack_every=*/2);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(window->Hold(kBatch));
  window->Cover({.sequence = 1, .step = 8, .loss = 2, .gradient_norm = 5, .rows = 3}, kBatch, 9);
  window->Cover({.sequence = 2, .step = 9, .loss = 6, .gradient_norm = 7, .rows = 1}, kBatch, 9);
  ASSERT_EQ(listener_->acks.size(), 1);
  EXPECT_EQ(listener_->acks[0].rows, 4);
  EXPECT_DOUBLE_EQ(listener_->acks[0].loss, 3);
  EXPECT_EQ(listener_->acks[0].gradient_norm, 7);
  EXPECT_EQ(listener_->acks[0].step, 9);
}

TEST_F(AckWindowTest, SaysOfNoBatchThatItIsDurableBeforeItsStepIs) {
  const auto window = Open();
  window->Ready({.next_sequence = 6, .step = 5, .window = 4}, /*is_durable=*/true);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(window->Hold(kBatch));
  Cover(*window, 6, /*durable_step=*/3);
  window->MarkDurable(6);
  Cover(*window, 7, /*durable_step=*/6);
  window->MarkDurable(2);  // never goes back
  Cover(*window, 8, /*durable_step=*/8);
  EXPECT_THAT(listener_->told,
              ElementsAre("ready 6", "ack 6, durable 5", "ack 7, durable 6", "ack 8, durable 8"));
}

TEST_F(AckWindowTest, AcknowledgesTheRestBeforeItFinishesAndSaysNothingAfter) {
  const auto window = Open(/*ack_every=*/2);
  EXPECT_EQ(quota_->items(), 1);
  EXPECT_TRUE(window->Hold(kBatch));
  Cover(*window, 1, 1);
  window->Finish(absl::OkStatus());
  EXPECT_THAT(listener_->told, ElementsAre("ack 1, durable 1", "finished OK"));
  EXPECT_EQ(quota_->items(), 0);
  EXPECT_TRUE(window->IsOver());
  EXPECT_FALSE(window->Hold(kBatch));
  EXPECT_FALSE(window->MayReadOn());
  window->OfferCapacity();
  window->Finish(absl::AbortedError("again"));
  EXPECT_EQ(listener_->told.size(), 2);
}

TEST_F(AckWindowTest, WhoHasDetachedIsToldNothing) {
  const auto window = Open();
  EXPECT_TRUE(window->Hold(kBatch));
  window->Detach();
  EXPECT_TRUE(window->IsOver());
  Cover(*window, 1, 1);
  window->OfferCapacity();
  window->Finish(absl::OkStatus());
  EXPECT_THAT(listener_->told, IsEmpty());
  EXPECT_EQ(quota_->items(), 0);  // the session's place is given back all the same
}

}  // namespace
}  // namespace descent::models
