// How long the next piece of work will wait for those that are held, by how fast such work has
// ended lately.

#ifndef SERVER_MODELS_WORK_WAIT_ESTIMATE_H_
#define SERVER_MODELS_WORK_WAIT_ESTIMATE_H_

#include <cstdint>

#include "absl/time/time.h"

namespace descent::models {

// Of a queue, whoever serves it: it is the time between the ends of pieces that counts, while there
// are any, so threads, merged work and the load of other queues are in it by themselves. What ended
// long ago counts less. Not thread-safe; times are of SteadyNow and do not fall.
class WaitEstimate {
 public:
  // A piece came to an empty queue.
  void NoteBegin(absl::Time now) { last_ = now; }
  // A piece has ended.
  void NoteEnd(absl::Time now);

  // For a piece that comes to a queue of so many that are not ended. Zero while nothing is known.
  absl::Duration Wait(std::int64_t items, absl::Time now) const;

 private:
  // How long there was something to do, how many pieces ended in that time: both fade alike.
  double busy_seconds_ = 0;
  double ended_ = 0;
  absl::Time last_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WORK_WAIT_ESTIMATE_H_
