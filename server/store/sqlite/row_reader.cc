#include "server/store/sqlite/row_reader.h"

#include <cstdint>
#include <utility>

#include "absl/synchronization/notification.h"
#include "server/store/sqlite/store_parts.h"

namespace descent::store {
namespace {

constexpr std::int64_t kChunkBytes = std::int64_t{4} << 20;

}  // namespace

struct RowReader::Chunk {
  std::size_t end = 0;  // the row after its last one
  std::vector<Row> rows;
  absl::Notification is_read;
};

RowReader::RowReader(StoreThread* thread, const std::vector<JournalRow>* rows)
    : thread_(thread), rows_(rows) {}

RowReader::~RowReader() {
  // The store's thread writes into it.
  if (ahead_ != nullptr) ahead_->is_read.WaitForNotification();
}

std::unique_ptr<RowReader::Chunk> RowReader::StartReading(std::size_t begin) {
  if (begin == rows_->size()) return nullptr;
  auto chunk = std::make_unique<Chunk>();
  chunk->end = begin;
  for (std::int64_t bytes = 0; chunk->end < rows_->size() && bytes < kChunkBytes; ++chunk->end) {
    bytes += (*rows_)[chunk->end].size_bytes;
  }
  thread_->Post([rows = rows_, begin, chunk = chunk.get()](StoreParts* parts) {
    for (std::size_t i = begin; i < chunk->end; ++i) {
      const JournalRow& row = (*rows)[i];
      chunk->rows.push_back({.row = &row, .records = parts->ReadRecords(row)});
    }
    chunk->is_read.Notify();
  });
  return chunk;
}

std::vector<RowReader::Row> RowReader::Read() {
  std::unique_ptr<Chunk> chunk = std::move(ahead_);
  if (chunk == nullptr) chunk = StartReading(next_);
  if (chunk == nullptr) return {};
  chunk->is_read.WaitForNotification();
  next_ = chunk->end;
  ahead_ = StartReading(next_);
  return std::move(chunk->rows);
}

}  // namespace descent::store
