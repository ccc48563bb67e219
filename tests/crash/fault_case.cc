#include "tests/crash/fault_case.h"

#include <algorithm>
#include <memory>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "core/check.h"
#include "server/models/registry.h"
#include "server/store/sqlite_store.h"
#include "tests/crash/faulty_vfs.h"

namespace descent::crash {
namespace {

using models::Durability;

// Actions sent again behind a recovery, though it had them.
constexpr std::size_t kRepeats = 3;

std::string_view NameOf(Ending ending) {
  switch (ending) {
    case Ending::kPowerCut:
      return "cut";
    case Ending::kKill:
      return "kill";
    case Ending::kStop:
      return "stop";
  }
  return "unknown";
}

template <typename T>
std::string Text(const T& value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

// The server's part of a process: what is lost when it ends.
class Server {
 public:
  // On failure there is none, see status().
  Server(const FaultCaseSetting& setting, const FaultyVfs& vfs) {
    store::SqliteStoreOptions options;
    options.directory = setting.directory;
    options.build = "a build";
    options.instruction_set = "an instruction set";
    options.checkpoint_journal_bytes = 1500;  // every few actions
    options.vfs = vfs.name();
    auto store = setting.open_store(options);
    if (!store.ok()) {
      status_ = std::move(store).status();
      return;
    }
    registry_ = std::make_unique<models::Registry>(models::ModelsOptions{}, *std::move(store));
    absl::Notification recovered;
    registry_->Recover([&](const models::RecoverySummary&) { recovered.Notify(); });
    if (!recovered.WaitForNotificationWithTimeout(absl::Minutes(1))) {
      status_ = absl::DeadlineExceededError("recovery took more than a minute");
    }
  }

  const absl::Status& status() const { return status_; }
  models::Registry* registry() { return registry_.get(); }

 private:
  absl::Status status_;
  std::unique_ptr<models::Registry> registry_;
};

class Run {
 public:
  Run(const FaultCaseSetting& setting, std::size_t in_flight, std::uint64_t seed)
      : setting_(setting),
        play_options_{in_flight, in_flight},
        disk_(seed),
        vfs_(&disk_),
        accounts_(setting.script.size()) {}

  SimulatedDisk& disk() { return disk_; }
  const std::vector<std::string>& problems() const { return problems_; }

  // From the beginning, on a disk that may fail.
  void Begin(Ending ending) {
    Server server(setting_, vfs_);
    if (server.status().ok()) {
      Play(&server, std::vector<std::size_t>(accounts_.size(), 0));
      NoteWhatIsVisible(&server);
    }
    End(ending);
  }

  // On a disk that may fail; whatever comes of it.
  void TryToRecover(const std::optional<Fault>& fault, Ending ending) {
    disk_.Restart();
    disk_.Arm(fault);
    const Server server(setting_, vfs_);
    End(ending);
  }

  // On a disk that works: checks what is there, and goes on to the end of the script.
  void RecoverAndGoOn(Ending ending) {
    disk_.Restart();
    Server server(setting_, vfs_);
    const std::vector<std::size_t> begin = CheckRecovered(&server);
    if (problems_.empty()) {
      Play(&server, begin);
      for (std::size_t model = 0; model < accounts_.size(); ++model) {
        const absl::Status& error = accounts_[model].error;
        if (!error.ok()) Report(model, absl::StrCat("did not go on: ", error.ToString()));
      }
    }
    End(ending);
  }

  void RecoverAtTheEnd() {
    disk_.Restart();
    Server server(setting_, vfs_);
    CheckRecovered(&server);
  }

 private:
  void End(Ending ending) {
    if (ending == Ending::kPowerCut) disk_.CutPower();
    if (ending == Ending::kKill) disk_.KillProcess();
  }

  void Play(Server* server, const std::vector<std::size_t>& begin) {
    Player player(setting_.script, setting_.references, play_options_, server->registry(),
                  &accounts_);
    player.Play(begin);
    for (const std::string& violation : player.violations()) problems_.push_back(violation);
  }

  // Nobody may be shown what a crash takes back.
  void NoteWhatIsVisible(Server* server) {
    for (std::size_t model = 0; model < accounts_.size(); ++model) {
      const auto found = server->registry()->Find(setting_.script[model].settings.name);
      if (!found.ok()) continue;
      const std::int64_t step = (*found)->Describe().step;
      Account& account = accounts_[model];
      const Reference& reference = setting_.references[model];
      for (std::size_t i = account.acknowledged + 1; i <= account.sent; ++i) {
        const bool is_update = reference[i].step != reference[i - 1].step;
        if (is_update && reference[i].step == step &&
            reference[i].durability == Durability::kJournal) {
          account.durable = i;
        }
      }
    }
  }

  std::vector<std::size_t> CheckRecovered(Server* server) {
    std::vector<std::size_t> begin;
    if (!server->status().ok()) {
      problems_.push_back(absl::StrCat("does not recover: ", server->status().ToString()));
      return begin;
    }
    for (std::size_t model = 0; model < accounts_.size(); ++model) {
      const auto view = ViewOf(*server->registry(), setting_.script[model].settings.name);
      if (view.ok()) {
        begin.push_back(CheckRecovered(model, *view));
      } else {
        Report(model, absl::StrCat("was not recovered: ", view.status().ToString()));
      }
    }
    return begin;
  }

  // Where its script goes on.
  std::size_t CheckRecovered(std::size_t model, const ModelView& view) {
    const Reference& reference = setting_.references[model];
    Account& account = accounts_[model];
    const auto may_be_gone = [](const ModelView& at) {
      return !at.exists || at.durability == Durability::kMemory;
    };
    for (std::size_t i = account.sent + 1; i-- > account.durable;) {
      const bool fits = view.exists ? view == reference[i] && !may_be_gone(reference[i])
                                    : may_be_gone(reference[i]);
      if (!fits) continue;
      while (!view.exists && reference[i].exists) --i;  // with the server goes all it was
      account = {.sent = i, .acknowledged = i, .durable = i, .error = {}};
      return BeginOfRepeats(model, i);
    }
    Report(model,
           absl::StrCat("recovered with ", Text(view), "; durable were ", account.durable, " (",
                        Text(reference[account.durable]), "), acknowledged ", account.acknowledged,
                        ", sent ", account.sent, " (", Text(reference[account.sent]), ")"));
    return account.sent;
  }

  // A few actions back, but not to what a later one has made another's.
  std::size_t BeginOfRepeats(std::size_t model, std::size_t count) {
    const auto& actions = setting_.script[model].actions;
    std::size_t begin = count;
    while (begin > 0 && count - begin < kRepeats) {
      --begin;
      const ActionKind kind = actions[begin].kind;
      if (kind == ActionKind::kDelete || kind == ActionKind::kCreate ||
          kind == ActionKind::kRestoreCheckpoint) {
        break;
      }
    }
    return begin;
  }

  void Report(std::size_t model, const std::string& what) {
    problems_.push_back(absl::StrCat("model ", setting_.script[model].settings.name, " ", what));
  }

  const FaultCaseSetting& setting_;
  const PlayOptions play_options_;
  SimulatedDisk disk_;
  const FaultyVfs vfs_;
  Accounts accounts_;
  std::vector<std::string> problems_;
};

std::optional<Fault> ParseFault(absl::string_view text) {
  Fault fault;
  fault.forever = absl::ConsumeSuffix(&text, "+");
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, '@');
  for (const FaultKind kind : kAllFaultKinds) {
    if (parts.first != NameOf(kind)) continue;
    fault.kind = kind;
    if (absl::SimpleAtoi(parts.second, &fault.at)) return fault;
  }
  return std::nullopt;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const FaultCase& fault_case) {
  out << fault_case.fault << "/" << NameOf(fault_case.ending) << "/";
  if (fault_case.recovery_fault.has_value()) {
    out << *fault_case.recovery_fault;
  } else {
    out << "none";
  }
  return out << "/" << fault_case.in_flight;
}

absl::StatusOr<FaultCase> ParseFaultCase(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  const auto bad = [&] { return absl::InvalidArgumentError("not a case: " + text); };
  if (parts.size() != 4) return bad();
  FaultCase fault_case;
  const std::optional<Fault> fault = ParseFault(parts[0]);
  if (!fault.has_value() || !absl::SimpleAtoi(parts[3], &fault_case.in_flight)) return bad();
  fault_case.fault = *fault;
  const auto* const ending = std::ranges::find_if(
      kAllEndings, [&](Ending candidate) { return NameOf(candidate) == parts[1]; });
  if (ending == std::end(kAllEndings)) return bad();
  fault_case.ending = *ending;
  fault_case.recovery_fault = ParseFault(parts[2]);
  if (!fault_case.recovery_fault.has_value() && parts[2] != "none") return bad();
  return fault_case;
}

std::vector<std::string> RunFaultCase(const FaultCaseSetting& setting, const FaultCase& fault_case,
                                      std::uint64_t seed) {
  Run run(setting, fault_case.in_flight, seed);
  run.disk().Arm(fault_case.fault);
  run.Begin(fault_case.ending);
  if (fault_case.recovery_fault.has_value()) {
    run.TryToRecover(fault_case.recovery_fault, seed % 2 == 0 ? Ending::kPowerCut : Ending::kKill);
  }
  if (run.problems().empty()) run.RecoverAndGoOn(Ending::kPowerCut);
  if (run.problems().empty()) run.RecoverAtTheEnd();
  return run.problems();
}

CountedOperations CountOperations(const FaultCaseSetting& setting, std::size_t in_flight) {
  CountedOperations counted;
  Run run(setting, in_flight, /*seed=*/0);
  run.disk().Arm(std::nullopt);
  run.Begin(Ending::kPowerCut);
  counted.run = run.disk().operations();
  run.TryToRecover(std::nullopt, Ending::kPowerCut);
  counted.recovery = run.disk().operations();
  DESCENT_CHECK(run.problems().empty());
  return counted;
}

}  // namespace descent::crash
