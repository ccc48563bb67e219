#include "server/ops/goodbye.h"

#include <cstdint>

namespace descent::ops {
namespace {

using namespace std::string_view_literals;

// Of stream 0, with the largest stream as the last: all calls that there are go on. No error.
constexpr std::string_view kFrame = "\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0"sv;

}  // namespace

std::string_view Goodbye::Due() const {
  if (said_ == kFrame.size()) return {};
  if (said_ > 0) return kFrame.substr(said_);
  if (is_leaving_ == nullptr || !is_leaving_->load(std::memory_order_relaxed)) return {};
  return has_begun_ && !is_in_block_ && sent_.between_frames() ? kFrame : std::string_view();
}

bool Goodbye::is_broken_off() const { return said_ > 0 && said_ < kFrame.size(); }

void Goodbye::NoteSent(const void* data, std::size_t size) {
  has_begun_ = true;
  sent_.Take(data, size, [this](const FrameHeader& frame) {
    if (frame.type == kHeaders || frame.type == kContinuation) {
      is_in_block_ = (frame.flags & kEndHeaders) == 0;
    }
    return true;
  });
}

}  // namespace descent::ops
