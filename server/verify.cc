#include "server/verify.h"

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/notification.h"
#include "core/instruction_set.h"
#include "server/models/recovery/recovery.h"
#include "server/models/work/resources.h"

namespace descent {
namespace {

struct ModelReport {
  std::string name;
  absl::Status status;
  std::int64_t step = 0;
  std::uint64_t state_hash = 0;
  models::Replayed replayed;
  std::int64_t checkpoints = 0;
};

// Calls of a journal, waited for.

std::vector<store::CheckpointInfo> List(store::Journal* journal, absl::Status* status) {
  std::vector<store::CheckpointInfo> checkpoints;
  absl::Notification done;
  journal->ListCheckpoints([&](absl::StatusOr<std::vector<store::CheckpointInfo>> listed) {
    if (listed.ok()) {
      checkpoints = *std::move(listed);
    } else {
      *status = std::move(listed).status();
    }
    done.Notify();
  });
  done.WaitForNotification();
  return checkpoints;
}

absl::Status Load(store::Journal* journal, std::int64_t step) {
  absl::Status status;
  absl::Notification done;
  journal->LoadCheckpoint(step, [&](const absl::StatusOr<store::LoadedCheckpoint>& loaded) {
    status = loaded.status();
    done.Notify();
  });
  done.WaitForNotification();
  return status;
}

ModelReport Check(store::StoredModel* stored, models::Resources* resources) {
  ModelReport report;
  report.name = stored->name();
  const std::atomic<bool> stop{false};
  auto recovered = models::RecoverModel(stored, resources, stop, [](std::int64_t) {});
  if (!recovered.ok()) {
    report.status = std::move(recovered).status();
    return report;
  }
  report.step = recovered->parts.model.step();
  report.state_hash = recovered->parts.model.trainer().StateHash();
  report.replayed = recovered->replayed;
  store::Journal* const journal = recovered->parts.journal.get();
  for (const store::CheckpointInfo& checkpoint : List(journal, &report.status)) {
    ++report.checkpoints;
    if (absl::Status loaded = Load(journal, checkpoint.step); !loaded.ok()) {
      report.status = std::move(loaded);
    }
  }
  return report;
}

std::string AsText(const ModelReport& report) {
  if (!report.status.ok()) {
    return absl::StrCat("damaged  ", report.name, ": ", report.status.message());
  }
  std::string text = absl::StrFormat(
      "ok       %s: step %d, state hash %016x, %d updates applied again, %d hashes compared, "
      "%d checkpoints read",
      report.name, report.step, report.state_hash, report.replayed.updates,
      report.replayed.compared_hashes, report.checkpoints);
  if (report.replayed.of_other_engines > 0) {
    absl::StrAppend(&text, "; ", report.replayed.of_other_engines,
                    " of the updates are of another engine version, or of before versions were "
                    "recorded: their hashes are not compared");
  }
  return text;
}

std::string AsJson(const ModelReport& report) {
  nlohmann::json object = {{"model", report.name}, {"ok", report.status.ok()}};
  if (report.status.ok()) {
    object["step"] = report.step;
    object["state_hash"] = absl::StrCat(report.state_hash);
    object["replayed_updates"] = report.replayed.updates;
    object["compared_hashes"] = report.replayed.compared_hashes;
    object["updates_of_other_engines"] = report.replayed.of_other_engines;
    object["checkpoints"] = report.checkpoints;
  } else {
    object["error"] = std::string(report.status.message());
  }
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

int VerifyDirectory(const Verify& verify, OpenStore open_store, std::ostream* output,
                    std::ostream* errors) {
  store::SqliteStoreOptions options = verify.storage;
  options.read_only = true;
  options.build = BuildName();
  options.instruction_set = InstructionSet();
  absl::StatusOr<std::unique_ptr<store::Store>> store = open_store(options);
  if (!store.ok()) {
    *errors << "descentd verify: " << store.status().message() << "\n";
    return absl::IsDataLoss(store.status()) ? kExitDamaged : kExitBadDataDirectory;
  }
  models::Resources resources(verify.models);
  std::int64_t models = 0;
  std::int64_t damaged = 0;
  for (const std::unique_ptr<store::StoredModel>& stored : (*store)->TakeStoredModels()) {
    const ModelReport report = Check(stored.get(), &resources);
    ++models;
    if (!report.status.ok()) ++damaged;
    *output << (verify.json ? AsJson(report) : AsText(report)) << std::endl;
  }
  if (verify.json) {
    *output << nlohmann::json({{"models", models}, {"damaged", damaged}}).dump() << "\n";
  } else {
    *output << models << " models, " << damaged << " damaged\n";
  }
  return damaged == 0 ? kExitOk : kExitDamaged;
}

}  // namespace descent
