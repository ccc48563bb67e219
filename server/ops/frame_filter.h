// What of HTTP/2 a connection may send that costs the server far more than its sender: counted by
// the frames' headers alone, before gRPC parses them.
//
// gRPC 1.51 parses a header block anew with each of its frames when a string or number in it goes
// on (CVE-2023-33953), keeps what calls that are reset at once have taken, and reads one connection
// to the end of what has come before it looks at others.

#ifndef SERVER_OPS_FRAME_FILTER_H_
#define SERVER_OPS_FRAME_FILTER_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "server/ops/frame_walk.h"

namespace descent::ops {

// So much at once, and so much again with time.
struct FrameRate {
  double burst;
  double per_second;
};

struct FrameLimits {
  // Of one header block: bytes, and frames that it is in. gRPC takes 8 KiB of metadata.
  std::size_t header_block_bytes = 64 << 10;
  int header_block_frames = 32;
  // Calls that the client takes back.
  FrameRate resets{.burst = 1000, .per_second = 200};
  // DATA without any, and without being the last.
  FrameRate empty_data{.burst = 200, .per_second = 100};
  FrameRate settings{.burst = 100, .per_second = 10};
  FrameRate pings{.burst = 2000, .per_second = 500};
  // PRIORITY, GOAWAY and frames that HTTP/2 does not know.
  FrameRate others{.burst = 200, .per_second = 100};
};

// The frames of one connection, in the order in which they come. Not thread-safe.
class FrameFilter {
 public:
  explicit FrameFilter(const FrameLimits& limits = {});

  // Looks at the next bytes of the connection. False when it has sent too much of something, from
  // then on; so it is for a connection that does not begin as HTTP/2 does.
  bool Take(const void* data, std::size_t size, absl::Time now);

  // Calls that have begun.
  std::uint32_t calls() const { return calls_; }

 private:
  class Allowance {
   public:
    explicit Allowance(const FrameRate& rate) : rate_(rate), left_(rate.burst) {}
    bool Take(absl::Time now);

   private:
    FrameRate rate_;
    double left_;
    absl::Time last_ = absl::InfinitePast();
  };

  bool TakeFrame(const FrameHeader& frame, absl::Time now);
  bool TakeHeaders(std::size_t size, bool ends);

  FrameLimits limits_;
  bool cut_off_ = false;
  std::uint32_t calls_ = 0;
  std::size_t preface_ = 0;  // bytes of it that have come
  FrameWalk frames_;
  std::size_t block_bytes_ = 0;
  int block_frames_ = 0;
  Allowance resets_;
  Allowance empty_data_;
  Allowance settings_;
  Allowance pings_;
  Allowance others_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_FRAME_FILTER_H_
