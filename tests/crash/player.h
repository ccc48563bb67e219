// Plays a script against a registry, as clients would, and keeps account of what was answered.

#ifndef TESTS_CRASH_PLAYER_H_
#define TESTS_CRASH_PLAYER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/models/registry/registry.h"
#include "tests/crash/model_client.h"
#include "tests/crash/reference.h"
#include "tests/crash/script.h"

namespace descent::crash {

// Where one model's script stands: counts of actions, from the script's beginning.
struct Account {
  std::size_t sent = 0;
  std::size_t acknowledged = 0;
  // What no crash may take back: all that was acknowledged, or less with less durability.
  std::size_t durable = 0;
  absl::Status error;  // why the script did not go on
};
using Accounts = std::vector<Account>;

struct PlayOptions {
  // Actions sent and not answered. 1 in all makes each run the same operations in the same order.
  std::size_t most_in_flight = 1;
  std::size_t most_in_flight_of_a_model = 1;
};

// One thread uses it. Destroyed before the registry.
class Player {
 public:
  // References and accounts are by model, as in the script; all outlive the player.
  Player(const Script& script, const References& references, const PlayOptions& options,
         models::Registry* registry, Accounts* accounts);
  ~Player();

  // Sends each model's actions from `begin` until its end or its first error, and waits for the
  // answers. Actions that the accounts know as sent are repeats, and have to be answered as such.
  void Play(const std::vector<std::size_t>& begin);

  // What was answered otherwise than promised.
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  // Answers on their way from other threads.
  class Mailbox;
  struct Progress {
    std::size_t next = 0;
    std::size_t repeats_end = 0;
    std::size_t in_flight = 0;
    bool in_barrier = false;  // what is in flight is a barrier
    std::unique_ptr<ModelClient> client;
  };
  struct Received {
    std::size_t model = 0;
    std::size_t action = 0;
    Answer answer;
  };

  bool MaySend(std::size_t model) const;
  void Send(std::size_t model);
  // False if no answer comes within a minute.
  bool TakeAnswer();
  void Check(const Received& received);
  void MoveDurable(const Received& received);
  void ReportViolation(const Received& received, const std::string& what);

  const Script& script_;
  const References& references_;
  const PlayOptions options_;
  models::Registry* const registry_;
  Accounts& accounts_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::vector<Progress> progress_;
  std::size_t in_flight_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace descent::crash

#endif  // TESTS_CRASH_PLAYER_H_
