// One model's clients, which go on through crashes of the server and hold it to its word.

#ifndef TESTS_CRASH_KILL_TRAFFIC_H_
#define TESTS_CRASH_KILL_TRAFFIC_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "tests/crash/ledger.h"
#include "tests/support/service_client.h"

namespace descent::crash {

inline constexpr char kLoss[] = "LOSS";

struct TrafficModel {
  v1::CreateModelRequest create;
  std::vector<std::string> sessions;
  bool makes_checkpoints = false;
};

// Two sessions and single steps on one model; Adam with a schedule; single steps and checkpoints.
std::vector<TrafficModel> MakeTrafficModels();

// What the driver and its clients share.
struct ServerLife {
  std::string address;
  std::atomic<bool> stop{false};    // the clients are to come to an end
  std::atomic<bool> killed{false};  // set before the server is
};

// Besides the sessions there is a caller of Step, the source "requests": one step after another,
// each with a request id.
class KillTraffic {
 public:
  explicit KillTraffic(TrafficModel model);

  // Meets a server that has recovered: makes the model if that was not acknowledged, checks what
  // came back, and sends updates until the server is gone or the life's `stop` is set.
  void Run(ServerLife* life);

  // What was found wrong; what says kLoss is about something acknowledged.
  std::vector<std::string> problems() const;
  std::int64_t updates() const { return ledger_.step(); }

 private:
  struct Attached {
    std::string id;
    testing::TrainStream stream;
    std::int64_t applied = 0;
  };

  const std::string& name() const { return model_.create.model().name(); }
  v1::Batch WireBatch(const SourceUpdate& update) const;
  Batch CoreBatch(const SourceUpdate& update) const;
  v1::StepRequest RequestOf(std::int64_t number) const;

  // Each returns false when the server is gone, or something is wrong.
  bool Create();
  bool CheckRecovered(std::vector<Attached>* sessions);
  bool CheckCheckpoints();
  bool Attach(const std::string& id, std::vector<Attached>* sessions);
  // `applied`: the requests that the model had when it came back.
  bool RepeatLastRequest(std::int64_t recovered_step, std::int64_t* applied);
  bool TakeStep(std::int64_t number);
  bool ChangeCheckpoints(std::int64_t number);
  void Train(Attached* session);

  // OK, or why not; remembers what is not the kill's doing.
  bool Succeeded(const testing::CallStatus& status, const std::string& what);
  bool Holds(const absl::Status& status);
  bool Fail(const std::string& problem);
  bool FailWithLoss(const std::string& problem);

  const TrafficModel model_;
  const std::shared_ptr<const Network> network_;
  Ledger ledger_;

  // Used by the thread of Run alone, but for the life.
  ServerLife* life_ = nullptr;
  std::unique_ptr<testing::ServiceClient> client_;
  bool is_created_ = false;
  std::int64_t last_answered_step_ = 0;                // of the last acknowledged request
  std::map<std::int64_t, std::uint64_t> checkpoints_;  // acknowledged: steps and hashes
  std::set<std::int64_t> deleted_checkpoints_;         // acknowledged

  mutable absl::Mutex mutex_;
  std::vector<std::string> problems_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::crash

#endif  // TESTS_CRASH_KILL_TRAFFIC_H_
