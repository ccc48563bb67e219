#include "tests/crash/fault_run.h"

#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "server/store/sqlite_options.h"

namespace descent::crash {
namespace {

using models::Durability;

// Actions sent again behind a recovery, though it had them.
constexpr std::size_t kRepeats = 3;

std::string Text(const ModelView& view) {
  std::ostringstream text;
  text << view;
  return text.str();
}

// Whether a crash may take the whole model.
bool MayBeGone(const ModelView& view) {
  return !view.exists || view.durability == Durability::kMemory;
}

}  // namespace

InProcessServer::InProcessServer(const FaultSetting& setting, const FaultyVfs& vfs,
                                 SimulatedDisk* disk) {
  store::SqliteStoreOptions options;
  options.directory = setting.directory;
  options.build = "a build";
  options.instruction_set = "an instruction set";
  options.checkpoint_journal_bytes = 1500;  // every few actions
  options.journal_log_bytes = 48 << 10;     // a few commits, so that its files take turns
  options.vfs = vfs.name();
  auto store = setting.open_store(options);
  if (!store.ok()) {
    status_ = std::move(store).status();
    return;
  }
  disk->SyncNames();  // the store has done so in the real directory
  registry_ = std::make_unique<models::Registry>(models::ModelsOptions{}, *std::move(store));
  const auto recovered = std::make_shared<absl::Notification>();
  registry_->Recover([recovered](const models::RecoverySummary&) { recovered->Notify(); });
  if (!recovered->WaitForNotificationWithTimeout(absl::Minutes(1))) {
    status_ = absl::DeadlineExceededError("recovery took more than a minute");
  }
}

FaultRun::FaultRun(const FaultSetting& setting, std::size_t in_flight, std::uint64_t seed)
    : setting_(setting),
      play_options_{in_flight, in_flight},
      disk_(seed),
      vfs_(&disk_),
      accounts_(setting.script.size()) {}

void FaultRun::Begin(Ending ending) {
  InProcessServer server(setting_, vfs_, &disk_);
  if (server.status().ok()) {
    Play(&server, std::vector<std::size_t>(accounts_.size(), 0));
    NoteWhatIsVisible(&server);
  }
  End(ending);
}

void FaultRun::TryToRecover(const std::optional<Fault>& fault, Ending ending) {
  disk_.Restart();
  disk_.Arm(fault);
  const InProcessServer server(setting_, vfs_, &disk_);
  End(ending);
}

void FaultRun::RecoverAndGoOn(Ending ending) {
  disk_.Restart();
  InProcessServer server(setting_, vfs_, &disk_);
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

void FaultRun::RecoverAtTheEnd() {
  disk_.Restart();
  InProcessServer server(setting_, vfs_, &disk_);
  CheckRecovered(&server);
}

FaultRun::Damage FaultRun::RecoverDamaged(const SimulatedDisk::Image& image,
                                          const Accounts& accounts, bool last_commit_may_tear) {
  Damage damage;
  accounts_ = accounts;
  disk_.SetImage(image);
  InProcessServer server(setting_, vfs_, &disk_);
  damage.refusal = server.status();
  if (!damage.refusal.ok()) return damage;
  std::vector<std::size_t> begin;
  for (std::size_t model = 0; model < accounts_.size(); ++model) {
    const auto view = ViewOf(*server.registry(), setting_.script[model].settings.name);
    const std::size_t count = accounts[model].acknowledged;
    // Unless all is well, the script does not go on.
    begin.push_back(setting_.script[model].actions.size());
    if (absl::IsDataLoss(view.status())) {
      ++damage.quarantined;
    } else if (!view.ok()) {
      Report(model, absl::StrCat("can't be read: ", view.status().ToString()));
    } else if (const auto match = Match(model, *view, count); match.has_value()) {
      if (view->exists) begin.back() = BeginOfRepeats(model, count);
    } else if (last_commit_may_tear && Match(model, *view, count - 1).has_value() &&
               damage.older == 0) {
      ++damage.older;
    } else {
      Report(model, absl::StrCat("is silently another: ", Text(*view)), /*is_loss=*/true);
    }
  }
  // Sessions and remembered answers are as they were, too.
  if (problems_.empty()) Play(&server, begin);
  return damage;
}

void FaultRun::End(Ending ending) {
  if (ending == Ending::kPowerCut) disk_.CutPower();
  if (ending == Ending::kKill) disk_.KillProcess();
}

void FaultRun::Play(InProcessServer* server, const std::vector<std::size_t>& begin) {
  Player player(setting_.script, setting_.references, play_options_, server->registry(),
                &accounts_);
  player.Play(begin);
  for (const std::string& violation : player.violations()) problems_.push_back({violation});
}

void FaultRun::NoteWhatIsVisible(InProcessServer* server) {
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

std::vector<std::size_t> FaultRun::CheckRecovered(InProcessServer* server) {
  std::vector<std::size_t> begin;
  if (!server->status().ok()) {
    problems_.push_back({absl::StrCat("does not recover: ", server->status().ToString())});
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

std::optional<std::size_t> FaultRun::Match(std::size_t model, const ModelView& view,
                                           std::size_t least) const {
  const Reference& reference = setting_.references[model];
  for (std::size_t i = accounts_[model].sent + 1; i-- > least;) {
    const bool fits =
        view.exists ? view == reference[i] && !MayBeGone(reference[i]) : MayBeGone(reference[i]);
    if (fits) return i;
  }
  return std::nullopt;
}

std::size_t FaultRun::CheckRecovered(std::size_t model, const ModelView& view) {
  const Reference& reference = setting_.references[model];
  Account& account = accounts_[model];
  std::optional<std::size_t> match = Match(model, view, account.durable);
  if (!match.has_value()) {
    Report(model,
           absl::StrCat("recovered with ", Text(view), "; durable were ", account.durable, " (",
                        Text(reference[account.durable]), "), acknowledged ", account.acknowledged,
                        ", sent ", account.sent, " (", Text(reference[account.sent]), ")"),
           /*is_loss=*/true);
    return account.sent;
  }
  while (!view.exists && reference[*match].exists) --*match;  // with the server goes all it was
  account = {.sent = *match, .acknowledged = *match, .durable = *match, .error = {}};
  return BeginOfRepeats(model, *match);
}

std::size_t FaultRun::BeginOfRepeats(std::size_t model, std::size_t count) const {
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

void FaultRun::Report(std::size_t model, const std::string& what, bool is_loss) {
  problems_.push_back(
      {absl::StrCat("model ", setting_.script[model].settings.name, " ", what), is_loss});
}

}  // namespace descent::crash
