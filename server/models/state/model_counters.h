// What is counted of a model by those who work on it, and read at any time by whoever wants to
// know.

#ifndef SERVER_MODELS_STATE_MODEL_COUNTERS_H_
#define SERVER_MODELS_STATE_MODEL_COUNTERS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace descent::models {

// Each number stands for itself, and is written and read without an order. Those that rise do so
// from when the model was made or recovered on.
struct ModelCounters {
  // By the model's lane.
  std::atomic<std::uint64_t> updates{0};           // that trained: batches and gradients
  std::atomic<std::uint64_t> trained_rows{0};      // of those batches
  std::atomic<std::size_t> memory_bytes{0};        // that the model holds now, of the memory budget
  std::atomic<std::int64_t> attached_sessions{0};  // now

  // By its readers. A pass is merged when it has the rows of more than one call.
  std::atomic<std::uint64_t> predictions{0};  // calls that were answered
  std::atomic<std::uint64_t> predicted_rows{0};
  std::atomic<std::uint64_t> merged_passes{0};
  std::atomic<std::uint64_t> merged_rows{0};
};

// Where nobody asks in which order numbers rise.
template <typename Number>
void AddTo(std::atomic<Number>* number, Number more) {
  number->fetch_add(more, std::memory_order_relaxed);
}

// A prediction that is about to be answered.
inline void CountPrediction(std::int64_t rows, ModelCounters* counters) {
  AddTo<std::uint64_t>(&counters->predictions, 1);
  AddTo(&counters->predicted_rows, static_cast<std::uint64_t>(rows));
}

}  // namespace descent::models

#endif  // SERVER_MODELS_STATE_MODEL_COUNTERS_H_
