// Asks the client of a connection to make no more calls on it, between two frames that it is sent:
// GOAWAY without an error, for no call that there is (RFC 9113, section 6.8).
//
// gRPC asks that when it is shut down, and from then on ends calls that come before the client has
// read it with CANCELLED, which clients do not repeat. So it is asked while calls are still
// answered, with whatever is written next.

#ifndef SERVER_OPS_GOODBYE_H_
#define SERVER_OPS_GOODBYE_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "server/ops/frame_walk.h"

namespace descent::ops {

// Of one connection; used by one thread at a time.
class Goodbye {
 public:
  // Said once `is_leaving`; null: never.
  explicit Goodbye(std::shared_ptr<const std::atomic<bool>> is_leaving)
      : is_leaving_(std::move(is_leaving)) {}

  // What is to be sent before anything else now; empty: nothing.
  std::string_view Due() const;
  // So many bytes of what was due were sent.
  void NoteSaid(std::size_t size) { said_ += size; }
  // Part of what was due was sent, but not all of it: nothing else may be sent.
  bool is_broken_off() const;

  // Frames of the server were sent, or a part of one.
  void NoteSent(const void* data, std::size_t size);

 private:
  const std::shared_ptr<const std::atomic<bool>> is_leaving_;
  FrameWalk sent_;
  bool has_begun_ = false;    // SETTINGS are first
  bool is_in_block_ = false;  // of headers, which no other frame may divide
  std::size_t said_ = 0;      // bytes
};

}  // namespace descent::ops

#endif  // SERVER_OPS_GOODBYE_H_
