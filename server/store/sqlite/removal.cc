#include "server/store/sqlite/removal.h"

#include <iterator>
#include <utility>

#include "core/status_macros.h"
#include "server/store/sqlite/store_parts.h"

namespace descent::store {

absl::Status Removal::Apply(KeptModel* model, std::int64_t position, StoreParts* parts) {
  model_id_ = model->row.id;
  if (model_id_ == 0) return absl::OkStatus();
  if (model->kept) RETURN_IF_ERROR(parts->models.Delete(model_id_));
  for (const CheckpointRow& checkpoint : model->checkpoints) checkpoints_.push_back(checkpoint.id);
  rows_.assign(std::make_move_iterator(model->rows.begin()),
               std::make_move_iterator(model->rows.end()));
  // Records that share this commit and come later belong to what is made of the model next.
  JournalWriter::CutGroup(model);
  model->rows.clear();
  model->checkpoints.clear();
  model->loaded_checkpoint = 0;
  model->row.id = 0;
  model->kept = false;
  model->forgotten_position = position;
  // A checkpoint that is being written has the old id: it would be taken for what belongs to no
  // model.
  parts->checkpoint_writer.Restart(model, parts);
  return absl::OkStatus();
}

void Removal::Committed(StoreParts* parts) {
  if (model_id_ == 0) return;
  parts->ThrowAway(rows_);
  parts->trash.AddCheckpoints(checkpoints_);
}

}  // namespace descent::store
