// Whether a training stream's acknowledgements are worth gathering.

#ifndef SERVER_SERVICES_ACK_PACE_H_
#define SERVER_SERVICES_ACK_PACE_H_

#include "absl/time/time.h"

namespace descent::services {

// Sending an acknowledgement costs more than a small update does, so those of a stream whose client
// does not wait for them are gathered and leave together. Such a client's batches come one after
// the other in less time than an acknowledgement and the next batch would be on their way. How long
// that is depends on the machine and is found out: it is taken for 200 microseconds, and for half
// of what it was whenever acknowledgements were held back and no batch came, for then the client
// had been waiting; it doubles again with each gathering that filled. So a client that waits for
// each acknowledgement is kept waiting a few times in its stream's life, however fast it is.
//
// Not thread-safe.
class AckPace {
 public:
  // The most acknowledgements to be gathered.
  static constexpr int kMostGathered = 32;

  // A batch has come.
  void OnBatch(absl::Time now);
  // As many acknowledgements as may be have been gathered, since batches kept coming.
  void OnGatheredAll();
  // Acknowledgements were held back for as long as may be, and no batch came.
  void OnNoBatch();

  // Whether to hold acknowledgements back: more batches in a row than would be gathered came as
  // fast as that.
  bool gathers() const { return score_ >= kMostGathered; }

 private:
  static constexpr absl::Duration kLongestRoundTrip = absl::Microseconds(200);
  static constexpr absl::Duration kShortestRoundTrip = absl::Microseconds(5);
  static constexpr int kMostScore = 8 * kMostGathered;

  absl::Time last_batch_ = absl::InfinitePast();
  absl::Duration round_trip_ = kLongestRoundTrip;
  int score_ = 0;
};

}  // namespace descent::services

#endif  // SERVER_SERVICES_ACK_PACE_H_
