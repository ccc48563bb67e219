// What bounds the models' threads, queues and memory. Every queue is bounded: what does not fit is
// refused with RESOURCE_EXHAUSTED and advice when to call again.

#ifndef SERVER_MODELS_OPTIONS_H_
#define SERVER_MODELS_OPTIONS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace descent::models {

struct ModelsOptions {
  // Threads that compute updates, as many again that compute reads, and the size of the pool that
  // cuts up large products. Default 1; the server sets the number of cores. Each thread costs its
  // stack and the workspace of the largest batch it has seen.
  int threads = 1;

  // Whether one more thread of either kind computes short work when all others have been in long
  // work for milliseconds. It sleeps otherwise.
  bool relief = true;

  // Work of at most so many multiply-adds is done on the thread that asks for it when nothing is
  // ahead of it, since handing it over would cost more than doing it: about 10 microseconds at the
  // default. 0: never. A prediction may be four times as large when they come one at a time and
  // there is nothing to merge it with. Raising it makes the callers' threads answer later.
  std::int64_t inline_multiply_adds = 1 << 18;

  // Models, those that can't be served now among them. Default 100,000, of 10 kB at least.
  std::size_t max_models = 100'000;

  // Updates that one model holds, from their arrival until they are answered; training sessions are
  // bounded by their windows. Default 1024 items.
  std::int64_t max_updates_per_model = 1024;
  // Reads that one model holds. Default 4096 items.
  std::int64_t max_reads_per_model = 4096;
  // What a read may have to wait for those that its model holds, by how fast they ended lately; who
  // would wait longer is refused. Default: any.
  absl::Duration longest_read_wait = absl::InfiniteDuration();
  // Bytes of tensors that one model's held work may occupy, updates and reads each. Default 256
  // MiB. A single piece of work is admitted to an empty queue whatever its size.
  std::size_t max_bytes_per_model = std::size_t{256} << 20;
  // The same over all models together. Default 65536 items, 1 GiB.
  std::int64_t max_items = 1 << 16;
  std::size_t max_bytes = std::size_t{1} << 30;
  // What a refused caller is told to wait. Default 100 ms.
  absl::Duration retry_after = absl::Milliseconds(100);

  // Most rows that predictions are merged into for one product. Default 256: where a product of
  // common widths stops getting faster by the row. Raising it costs latency and workspace.
  std::int64_t max_merged_rows = 256;

  // Most batches that a training session holds unacknowledged, and most bytes of them (one batch is
  // held whatever its size). Default 512 batches, 64 MiB. A larger window hides a longer way to the
  // client, and lets more updates share a commit; it costs its bytes a session, and on a machine
  // with few cores other calls wait for longer bursts of updates.
  int session_window = 512;
  std::size_t session_window_bytes = std::size_t{64} << 20;
  // Most multiply-adds of them, which is what another call of the model may have to wait for.
  // Default 10^10, some tenths of a second.
  std::int64_t session_window_multiply_adds = 10'000'000'000;
  // Positions of training sessions that a model remembers, so that a session that comes back goes
  // on where it was. Default 4096 of about 200 bytes. When full, an idle one makes room (see
  // SessionTable), and coming back to it is refused for `session_retention`, default 1 h.
  std::size_t max_sessions_per_model = 4096;
  absl::Duration session_retention = absl::Hours(1);

  // Answers that a model (and the registry) remembers to recognise repeats of a `request_id`: the
  // newest so many, and none older than the age. Default 1024 of about 300 bytes, 10 minutes.
  // Beyond them a repeat is taken for a new request.
  std::size_t request_window = 1024;
  // Most bytes of them beside the newest, which descriptions of deep networks come to.
  // Default 4 MiB for each model, and for the registry.
  std::size_t request_window_bytes = std::size_t{4} << 20;
  absl::Duration request_window_age = absl::Minutes(10);

  // Bytes that everything together may hold, by purpose (see MemoryPurpose); what would exceed it
  // is refused. Default 8 GiB. To be set by SetMemoryBudget.
  std::size_t memory_budget_bytes = std::size_t{8} << 30;
  // A workspace that grew beyond this is freed after use instead of kept. Default 64 MiB; raising
  // it saves allocations for large batches and costs that much a thread.
  std::size_t kept_workspace_bytes = std::size_t{64} << 20;

  // Most bytes that the layers' values of one batch may take, forward and backward; a batch that
  // needs more is refused. Default 1 GiB; a thread may hold that much while it computes.
  std::size_t max_pass_bytes = std::size_t{1} << 30;

  // Most bytes of an answer's message; a call whose answer would not fit is refused before it is
  // computed. Default 64 MiB, which is what ops::ServerOptions has for messages.
  std::size_t max_answer_bytes = std::size_t{64} << 20;

  // Most rows of one evaluation. Default 2^24; with two classes a row costs 16 bytes until the end.
  std::int64_t max_evaluation_rows = std::int64_t{1} << 24;
};

// Sets the budget, and lowers those bounds in bytes that would be large parts of it.
inline void SetMemoryBudget(std::size_t bytes, ModelsOptions* options) {
  options->memory_budget_bytes = bytes;
  options->max_bytes = std::min(options->max_bytes, bytes / 8);
  options->max_bytes_per_model = std::min(options->max_bytes_per_model, bytes / 32);
  options->max_pass_bytes = std::min(options->max_pass_bytes, bytes / 8);
  options->session_window_bytes = std::min(options->session_window_bytes, bytes / 128);
  options->request_window_bytes = std::min(options->request_window_bytes, bytes / 256);
  options->kept_workspace_bytes = std::min(options->kept_workspace_bytes, bytes / 128);
}

}  // namespace descent::models

#endif  // SERVER_MODELS_OPTIONS_H_
