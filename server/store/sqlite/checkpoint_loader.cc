#include "server/store/sqlite/checkpoint_loader.h"

#include <utility>

namespace descent::store {

void CheckpointLoader::Add(std::shared_ptr<KeptModel> model, const CheckpointRow& row,
                           OnLoaded done) {
  model->loading = true;
  model->loaded_checkpoint = row.id;
  jobs_.push_back({std::move(model), CheckpointReader(row), std::move(done)});
}

std::shared_ptr<KeptModel> CheckpointLoader::ReadSome(CheckpointTable* table) {
  const absl::StatusOr<bool> read = jobs_.front().reader.ReadSome(table);
  if (read.ok() && !*read) return nullptr;
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  if (read.ok()) {
    std::move(job.done)(LoadedCheckpoint{.id = job.reader.row().id, .image = job.reader.Take()});
  } else {
    std::move(job.done)(read.status());
  }
  job.model->loading = false;
  --job.model->shared.outstanding;
  return std::move(job.model);
}

}  // namespace descent::store
