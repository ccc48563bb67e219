#include "core/embeddings/table_updates.h"

#include <algorithm>
#include <array>

#include "core/check.h"
#include "core/embeddings/copy_row.h"
#include "core/embeddings/rows_ahead.h"
#include "core/flat_chunks.h"
#include "core/update_ranges.h"

namespace descent {

template <typename AskFor, typename Visit>
void TableUpdates::ForEachRow(const RowChanges::Rows& rows, const AskFor& ask_for,
                              const Visit& visit) const {
  std::int64_t at = 0;
  for (std::size_t t = 0; t < tables_.size(); ++t) {
    const std::int64_t dimension = tables_[t].dimension;
    const auto offset = [&](std::size_t i) {
      return tables_[t].offset + std::int64_t{rows[t][i]} * dimension;
    };
    for (std::size_t i = 0; i < rows[t].size(); ++i) {
      if (i + kRowsAhead < rows[t].size()) ask_for(offset(i + kRowsAhead));
      visit(offset(i), at, dimension);
      at += dimension;
    }
  }
}

void TableUpdates::NoteReplacement() {
  changes_.Clear();
  is_reserved_ = false;
  ++version_;
}

void TableUpdates::BringUp(const Buffer& current, std::int64_t begin, std::int64_t held,
                           Buffer* next) const {
  WithElementType(current.type(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = current.data<T>();
    T* const to = next->data<T>();
    if (held == kNoVersion || !changes_.Knows(version_ - held)) {
      std::copy_n(from + begin, current.size() - begin, to + begin);
    } else {
      changes_.ForEach(
          version_ - held, [&](std::int64_t offset) { AskForRowToWrite(to + offset); },
          [&](std::int64_t offset, std::int64_t dimension) {
            CopyRow(from + offset, dimension, to + offset);
          });
    }
  });
}

void TableUpdates::Reserve(const TableGradients& gradients, std::size_t slots) {
  DESCENT_CHECK(slots <= kMaxSlots);
  const Buffer& values = gradients.values;
  DESCENT_CHECK(values.size() == TableGradients::CountValues(tables_, gradients.rows));
  old_rows_.Resize(values.type(), values.size());
  new_rows_.Resize(values.type(), values.size());
  slot_rows_.resize(slots);
  for (Buffer& slot : slot_rows_) slot.Resize(values.type(), values.size());
  written_.resize(static_cast<std::size_t>((values.size() + kFlatChunk - 1) / kFlatChunk));
  changes_.Reserve(gradients.rows);
  is_reserved_ = true;
}

Magnitudes TableUpdates::Compute(const Optimizer& optimizer, const StepContext& step,
                                 std::span<const double> scalars, const TableGradients& gradients,
                                 const Buffer& parameters, const std::vector<Buffer>& slots,
                                 ThreadPool* pool) {
  DESCENT_CHECK(is_reserved_);
  WithElementType(parameters.type(), [&](auto zero) {
    using T = decltype(zero);
    const auto gather = [&](const T* from, T* to) {
      ForEachRow(
          gradients.rows, [&](std::int64_t offset) { AskForRow(from + offset); },
          [&](std::int64_t offset, std::int64_t at, std::int64_t dimension) {
            CopyRow(from + offset, dimension, to + at);
          });
    };
    gather(parameters.data<T>(), old_rows_.data<T>());
    for (std::size_t s = 0; s < slots.size(); ++s) {
      gather(slots[s].data<T>(), slot_rows_[s].data<T>());
    }
    const std::int64_t size = gradients.values.size();
    RunFlatTasks(size, static_cast<std::int64_t>(written_.size()), pool, [&](std::int64_t task) {
      const std::int64_t begin = task * kFlatChunk;
      std::array<T*, kMaxSlots> slot_rows{};
      for (std::size_t s = 0; s < slots.size(); ++s) {
        slot_rows[s] = slot_rows_[s].data<T>() + begin;
      }
      written_[static_cast<std::size_t>(task)] =
          optimizer.Update(step, scalars,
                           UpdateRange<T>{.parameters = old_rows_.data<T>() + begin,
                                          .gradient = gradients.values.data<T>() + begin,
                                          .new_parameters = new_rows_.data<T>() + begin,
                                          .slots = slot_rows.data(),
                                          .n = std::min(kFlatChunk, size - begin)});
    });
  });
  return LargestOf(written_);
}

void TableUpdates::Write(const TableGradients& gradients, Buffer* parameters,
                         std::vector<Buffer>* slots) {
  DESCENT_CHECK(is_reserved_);
  WithElementType(parameters->type(), [&](auto zero) {
    using T = decltype(zero);
    const auto scatter = [&](const T* from, T* to) {
      ForEachRow(
          gradients.rows, [&](std::int64_t offset) { AskForRowToWrite(to + offset); },
          [&](std::int64_t offset, std::int64_t at, std::int64_t dimension) {
            CopyRow(from + at, dimension, to + offset);
          });
    };
    scatter(new_rows_.data<T>(), parameters->data<T>());
    for (std::size_t s = 0; s < slots->size(); ++s) {
      scatter(slot_rows_[s].data<T>(), (*slots)[s].data<T>());
    }
  });
  is_reserved_ = false;
  ++version_;
  changes_.Add(gradients.rows);
}

std::size_t TableUpdates::byte_size() const {
  std::size_t bytes = old_rows_.capacity() + new_rows_.capacity() +
                      written_.capacity() * sizeof(written_[0]) + changes_.byte_size();
  for (const Buffer& slot : slot_rows_) bytes += slot.capacity();
  return bytes;
}

void TableUpdates::FreeUnused() {
  old_rows_.Clear();
  new_rows_.Clear();
  slot_rows_.clear();
  written_ = {};
  changes_.FreeUnused();
}

}  // namespace descent
