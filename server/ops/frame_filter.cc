#include "server/ops/frame_filter.h"

#include <algorithm>
#include <string_view>

namespace descent::ops {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace

bool FrameFilter::Allowance::Take(absl::Time now) {
  if (now > last_) {
    const double gained = absl::ToDoubleSeconds(now - last_) * rate_.per_second;
    left_ = std::min(rate_.burst, left_ + gained);
    last_ = now;
  }
  left_ -= 1;
  return left_ >= 0;
}

FrameFilter::FrameFilter(const FrameLimits& limits)
    : limits_(limits),
      resets_(limits.resets),
      empty_data_(limits.empty_data),
      settings_(limits.settings),
      pings_(limits.pings),
      others_(limits.others) {}

bool FrameFilter::Take(const void* data, std::size_t size, absl::Time now) {
  const auto* next = static_cast<const unsigned char*>(data);
  const unsigned char* const end = next + size;
  while (next != end && !cut_off_ && preface_ < kPreface.size()) {
    cut_off_ = *next++ != static_cast<unsigned char>(kPreface[preface_++]);
  }
  if (cut_off_) return false;
  const auto left = static_cast<std::size_t>(end - next);
  cut_off_ = !frames_.Take(next, left,
                           [this, now](const FrameHeader& frame) { return TakeFrame(frame, now); });
  return !cut_off_;
}

bool FrameFilter::TakeFrame(const FrameHeader& frame, absl::Time now) {
  switch (frame.type) {
    case kData:
      return frame.size > 0 || (frame.flags & kEndStream) != 0 || empty_data_.Take(now);
    case kHeaders:
      ++calls_;
      block_bytes_ = 0;
      block_frames_ = 0;
      return TakeHeaders(frame.size, (frame.flags & kEndHeaders) != 0);
    case kContinuation:
      return TakeHeaders(frame.size, (frame.flags & kEndHeaders) != 0);
    case kResetStream:
      return resets_.Take(now);
    case kSettings:
      return settings_.Take(now);
    case kPing:
      return pings_.Take(now);
    case kWindowUpdate:
      return true;
    default:
      return others_.Take(now);
  }
}

bool FrameFilter::TakeHeaders(std::size_t size, bool ends) {
  block_bytes_ += size;
  ++block_frames_;
  if (ends) return block_bytes_ <= limits_.header_block_bytes;
  return block_bytes_ <= limits_.header_block_bytes && block_frames_ < limits_.header_block_frames;
}

}  // namespace descent::ops
