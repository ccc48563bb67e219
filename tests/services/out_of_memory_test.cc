// A tensor for which there is no memory fails its call and no other, wherever on the way of a call
// it was: the call ends, the server goes on, and drains when it is told.

#include <atomic>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "tests/services/service_fixture.h"

namespace {

// Counts down to the allocation of a tensor that fails; negative: none does.
std::atomic<int> tensors_until_failure = -1;

}  // namespace

// In the C library's place.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) {
  if (tensors_until_failure >= 0 && tensors_until_failure-- == 0) return nullptr;
  void* memory = nullptr;
  return posix_memalign(&memory, alignment, size) == 0 ? memory : nullptr;
}

namespace descent::testing {
namespace {

class OutOfMemoryTest : public ServiceTest {
 protected:
  // Calls with the first tensor failing, then the second and so on, until none is left to fail.
  // Returns how often the call failed.
  template <typename Call>
  int FailEachTensor(const Call& call) {
    for (int failures = 0;; ++failures) {
      tensors_until_failure = failures;
      const CallStatus status = call();
      const bool failed = tensors_until_failure < 0;
      tensors_until_failure = -1;
      if (!failed) {
        EXPECT_TRUE(status.ok()) << status;
        return failures;
      }
      EXPECT_EQ(status.code, absl::StatusCode::kResourceExhausted) << status;
      EXPECT_EQ(status.reason, "OUT_OF_MEMORY") << status;
      EXPECT_TRUE(client_->Call(PredictOf("m", RandomTensor({3, 2}, 1))).ok());
    }
  }

  void SetUp() override { Create(LineModel("m")); }
  void TearDown() override {
    EXPECT_EQ(client_->CheckHealth(""), "SERVING");
    EXPECT_TRUE(server_->Drain(absl::Now() + absl::Seconds(30)));
  }
};

TEST_F(OutOfMemoryTest, OfAPrediction) {
  EXPECT_GT(FailEachTensor([&] {
              return client_->Call(PredictOf("m", RandomTensor({3, 2}, 1))).status;
            }),
            1);
}

TEST_F(OutOfMemoryTest, OfAStep) {
  EXPECT_GT(FailEachTensor([&] { return client_->Call(StepOf("m", LineBatch(8, 1))).status; }), 1);
  EXPECT_EQ(Get("m").step(), 1);
}

TEST_F(OutOfMemoryTest, OfAModel) {
  int names = 0;
  EXPECT_GT(FailEachTensor([&] {
              v1::CreateModelRequest request = LineModel("m" + std::to_string(++names));
              // With slots beside the parameters.
              request.mutable_model()->mutable_optimizer()->mutable_adam();
              return client_->Call(request).status;
            }),
            1);
}

TEST_F(OutOfMemoryTest, OfAnEvaluation) {
  EXPECT_GT(FailEachTensor([&] {
              std::vector<v1::EvaluateRequest> requests(1);
              requests[0].set_model("m");
              *requests[0].mutable_batch() = LineBatch(8, 1);
              return client_->Call(requests).status;
            }),
            1);
}

TEST_F(OutOfMemoryTest, OfATrainingStream) {
  int sessions = 0;
  EXPECT_GT(FailEachTensor([&] {
              TrainStream stream = client_->Train();
              stream.Write(StartOf("m", "s" + std::to_string(++sessions)));
              stream.Write(BatchOf(1, LineBatch(8, 1)));
              stream.HalfClose();
              return stream.Finish();
            }),
            1);
}

}  // namespace
}  // namespace descent::testing
