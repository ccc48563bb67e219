// A trainer's updates of tables: only the rows that a batch names are read and written, however
// large the tables are.
//
// The new rows are computed beside the tables, parameters and optimizer slots together, so an
// update that would not stay finite is given up without a trace. Snapshots are full copies of the
// parameters in recycled buffers: what a buffer lacks of the updates since it was last written is
// copied from the current one, row by row if it is little.

#ifndef CORE_EMBEDDINGS_TABLE_UPDATES_H_
#define CORE_EMBEDDINGS_TABLE_UPDATES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/buffer.h"
#include "core/embeddings/row_changes.h"
#include "core/embeddings/tables.h"
#include "core/optimizers/optimizer.h"
#include "core/thread_pool.h"

namespace descent {

// Requires tables that outlive it. Not thread-safe.
class TableUpdates {
 public:
  explicit TableUpdates(const std::vector<PlacedTable>* tables)
      : tables_(*tables), changes_(tables) {}

  // The version of the tables as they are now; each update and each replacement has another. A
  // buffer that has never held them is of kNoVersion.
  static constexpr std::int64_t kNoVersion = -1;
  std::int64_t version() const { return version_; }

  // All tables were replaced.
  void NoteReplacement();

  // Makes the tables in `next`, which are of version `held`, what they are in `current`. Both are
  // flat buffers of parameters, whose tables begin at `begin`.
  void BringUp(const Buffer& current, std::int64_t begin, std::int64_t held, Buffer* next) const;

  // Allocates what an update from these gradients takes, so that what follows does not throw.
  // Changes nothing.
  void Reserve(const TableGradients& gradients, std::size_t slots);

  // Computes the new rows from those in `parameters` and `slots`. Gives back the largest
  // magnitudes.
  Magnitudes Compute(const Optimizer& optimizer, const StepContext& step,
                     std::span<const double> scalars, const TableGradients& gradients,
                     const Buffer& parameters, const std::vector<Buffer>& slots, ThreadPool* pool);

  // Writes what Compute left into `parameters`, which BringUp has brought up, and the slots.
  void Write(const TableGradients& gradients, Buffer* parameters, std::vector<Buffer>* slots);

  std::size_t byte_size() const;
  // Frees what the next update can make again.
  void FreeUnused();

 private:
  // Calls visit(offset in the flat buffer, offset in the scratch, dimension) for each row, and some
  // rows before ask_for(offset in the flat buffer).
  template <typename AskFor, typename Visit>
  void ForEachRow(const RowChanges::Rows& rows, const AskFor& ask_for, const Visit& visit) const;

  const std::vector<PlacedTable>& tables_;

  RowChanges changes_;
  std::int64_t version_ = 0;
  bool is_reserved_ = false;

  // The rows of one update, one behind the other.
  Buffer old_rows_;
  Buffer new_rows_;
  std::vector<Buffer> slot_rows_;
  std::vector<Magnitudes> written_;
};

}  // namespace descent

#endif  // CORE_EMBEDDINGS_TABLE_UPDATES_H_
