// The headers of HTTP/2 frames in bytes that come in pieces (RFC 9113, sections 4.1 and 6).

#ifndef SERVER_OPS_FRAME_WALK_H_
#define SERVER_OPS_FRAME_WALK_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace descent::ops {

enum FrameType : unsigned char {
  kData = 0,
  kHeaders = 1,
  kResetStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
inline constexpr unsigned char kEndStream = 1;
inline constexpr unsigned char kEndHeaders = 4;

struct FrameHeader {
  std::size_t size;  // of the payload, in bytes
  unsigned char type;
  unsigned char flags;
};

class FrameWalk {
 public:
  // Goes over the next bytes, and calls `on_header` with each FrameHeader once it is whole. Stops
  // and returns false when that does.
  template <typename OnHeader>
  bool Take(const void* data, std::size_t size, const OnHeader& on_header);

  // Nothing of a frame has come, or all of it.
  bool between_frames() const { return header_size_ == 0 && payload_left_ == 0; }

 private:
  std::array<unsigned char, 9> header_ = {};  // of the frame that begins
  std::size_t header_size_ = 0;
  std::size_t payload_left_ = 0;
};

template <typename OnHeader>
bool FrameWalk::Take(const void* data, std::size_t size, const OnHeader& on_header) {
  const auto* next = static_cast<const unsigned char*>(data);
  const unsigned char* const end = next + size;
  while (next != end) {
    const auto left = static_cast<std::size_t>(end - next);
    if (payload_left_ > 0) {
      const std::size_t skipped = std::min(payload_left_, left);
      payload_left_ -= skipped;
      next += skipped;
      continue;
    }
    const std::size_t taken = std::min(header_.size() - header_size_, left);
    std::memcpy(header_.data() + header_size_, next, taken);
    header_size_ += taken;
    next += taken;
    if (header_size_ < header_.size()) break;
    header_size_ = 0;
    payload_left_ = (static_cast<std::size_t>(header_[0]) << 16) |
                    (static_cast<std::size_t>(header_[1]) << 8) | header_[2];
    if (!on_header(FrameHeader{payload_left_, header_[3], header_[4]})) return false;
  }
  return true;
}

}  // namespace descent::ops

#endif  // SERVER_OPS_FRAME_WALK_H_
