// Which rows of the tables the last updates changed, so that a buffer of an earlier version can be
// brought up by these alone.
//
// What is remembered is bounded by the tables' rows: behind a share of them, copying all rows in
// order takes no longer than copying those, which lie anywhere.

#ifndef CORE_EMBEDDINGS_ROW_CHANGES_H_
#define CORE_EMBEDDINGS_ROW_CHANGES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/embeddings/rows_ahead.h"
#include "core/embeddings/tables.h"

namespace descent {

// Not thread-safe.
class RowChanges {
 public:
  // Requires tables that outlive it.
  explicit RowChanges(const std::vector<PlacedTable>* tables);

  using Rows = std::vector<std::vector<std::int32_t>>;  // as TableGradients has them

  // Allocates what Add of these rows takes, so that it does not throw. Changes nothing.
  void Reserve(const Rows& rows);
  // An update changed these rows, which were reserved for. Forgets what is too much to be of use.
  void Add(const Rows& rows);
  // All rows were changed.
  void Clear();

  // Whether all changes of the last so many updates are known.
  bool Knows(std::int64_t updates) const { return updates <= known(); }

  // Calls visit(offset in the flat buffer, dimension) for each row that the last `updates` changed,
  // more than once where several did, and some rows before ask_for(offset). Requires
  // Knows(updates).
  template <typename AskFor, typename Visit>
  void ForEach(std::int64_t updates, const AskFor& ask_for, const Visit& visit) const {
    if (updates == 0) return;
    const auto begin = begins_[begins_.size() - static_cast<std::size_t>(updates)] - forgotten_;
    for (auto i = static_cast<std::size_t>(begin); i < rows_.size(); ++i) {
      if (i + kRowsAhead < rows_.size()) ask_for(OffsetOf(rows_[i + kRowsAhead]));
      visit(OffsetOf(rows_[i]), TableOf(rows_[i]).dimension);
    }
  }

  std::size_t byte_size() const;
  // Frees what the next Reserve can make again.
  void FreeUnused();

 private:
  struct Row {
    std::int32_t table;
    std::int32_t row;
  };

  const PlacedTable& TableOf(const Row& row) const {
    return tables_[static_cast<std::size_t>(row.table)];
  }
  std::int64_t OffsetOf(const Row& row) const {
    return TableOf(row).offset + row.row * TableOf(row).dimension;
  }
  std::int64_t known() const { return static_cast<std::int64_t>(begins_.size() - oldest_); }

  const std::vector<PlacedTable>& tables_;
  std::int64_t most_rows_ = 0;

  // Of the known updates, oldest first, behind some that are forgotten already. An update's rows
  // begin at begins_[i], counted from the first row ever, of which `forgotten_` are not in rows_.
  std::vector<Row> rows_;
  std::vector<std::int64_t> begins_;
  std::size_t oldest_ = 0;  // of begins_
  std::int64_t forgotten_ = 0;
};

}  // namespace descent

#endif  // CORE_EMBEDDINGS_ROW_CHANGES_H_
