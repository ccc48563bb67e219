// A server in this process on a simulated disk: the script is played against it, it crashes, and
// what comes back is compared with the undisturbed run.

#ifndef TESTS_CRASH_FAULT_RUN_H_
#define TESTS_CRASH_FAULT_RUN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/models/registry/registry.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/crash/early_store.h"
#include "tests/crash/faulty_vfs.h"
#include "tests/crash/player.h"
#include "tests/crash/reference.h"
#include "tests/crash/script.h"
#include "tests/crash/simulated_disk.h"

namespace descent::crash {

// What all runs share.
struct FaultSetting {
  Script script;
  References references;
  std::string directory;  // a real one, for what the store keeps outside of SQLite
  OpenStore open_store = store::OpenSqliteStore;
};

enum class Ending : std::uint8_t { kPowerCut, kKill, kStop };
inline constexpr Ending kAllEndings[] = {Ending::kPowerCut, Ending::kKill, Ending::kStop};

struct Problem {
  std::string text;
  bool is_loss = false;  // something acknowledged is not there
};

// The server's part of a process: what is lost when it ends.
class InProcessServer {
 public:
  // Opens the store and recovers. On failure there is no registry, see status().
  InProcessServer(const FaultSetting& setting, const FaultyVfs& vfs, SimulatedDisk* disk);

  const absl::Status& status() const { return status_; }
  models::Registry* registry() { return registry_.get(); }

 private:
  absl::Status status_;
  std::unique_ptr<models::Registry> registry_;
};

class FaultRun {
 public:
  // `seed` decides what a power cut keeps.
  FaultRun(const FaultSetting& setting, std::size_t in_flight, std::uint64_t seed);

  SimulatedDisk& disk() { return disk_; }
  const std::vector<Problem>& problems() const { return problems_; }
  const Accounts& accounts() const { return accounts_; }

  // Plays the script from its beginning, on a disk that may fail.
  void Begin(Ending ending);
  // Recovers on a disk that may fail, whatever comes of it.
  void TryToRecover(const std::optional<Fault>& fault, Ending ending);
  // Recovers on a disk that works: checks what is there, and goes on to the end of the script.
  void RecoverAndGoOn(Ending ending);
  // Recovers on a disk that works, and checks what is there.
  void RecoverAtTheEnd();

  // What a server makes of a damaged disk.
  struct Damage {
    absl::Status refusal;         // why the server does not start
    std::size_t quarantined = 0;  // models that are DATA_LOSS
    std::size_t older = 0;        // models that are one action behind
  };
  // Recovers what was there at the end of another run of the same script, with something damaged.
  // A model that is neither DATA_LOSS nor as it was is a problem. `last_commit_may_tear`: one model
  // may lack its last action.
  Damage RecoverDamaged(const SimulatedDisk::Image& image, const Accounts& accounts,
                        bool last_commit_may_tear);

 private:
  void End(Ending ending);
  void Play(InProcessServer* server, const std::vector<std::size_t>& begin);
  // Nobody may be shown what a crash takes back: what is visible counts as durable.
  void NoteWhatIsVisible(InProcessServer* server);
  // Where each model's script goes on.
  std::vector<std::size_t> CheckRecovered(InProcessServer* server);
  std::size_t CheckRecovered(std::size_t model, const ModelView& view);
  // The newest count of actions, of those from `least` to what was sent, that leads to the view.
  std::optional<std::size_t> Match(std::size_t model, const ModelView& view,
                                   std::size_t least) const;
  // A few actions back, but not to what a later one has made another's.
  std::size_t BeginOfRepeats(std::size_t model, std::size_t count) const;
  void Report(std::size_t model, const std::string& what, bool is_loss = false);

  const FaultSetting& setting_;
  const PlayOptions play_options_;
  SimulatedDisk disk_;
  const FaultyVfs vfs_;
  Accounts accounts_;
  std::vector<Problem> problems_;
};

}  // namespace descent::crash

#endif  // TESTS_CRASH_FAULT_RUN_H_
