#include "server/ops/frame_filter.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace descent::ops {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// RFC 9113, section 6.
enum FrameType : unsigned char {
  kData = 0,
  kHeaders = 1,
  kResetStream = 3,
  kSettings = 4,
  kPing = 6,
  kWindowUpdate = 8,
  kContinuation = 9,
};
constexpr unsigned char kEndStream = 1;
constexpr unsigned char kEndHeaders = 4;

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
  while (next != end && !cut_off_) {
    if (preface_ < kPreface.size()) {
      cut_off_ = *next++ != static_cast<unsigned char>(kPreface[preface_++]);
      continue;
    }
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
    cut_off_ = !TakeFrame(now);
  }
  return !cut_off_;
}

bool FrameFilter::TakeFrame(absl::Time now) {
  const unsigned char flags = header_[4];
  switch (header_[3]) {
    case kData:
      return payload_left_ > 0 || (flags & kEndStream) != 0 || empty_data_.Take(now);
    case kHeaders:
      ++calls_;
      block_bytes_ = 0;
      block_frames_ = 0;
      return TakeHeaders(payload_left_, (flags & kEndHeaders) != 0);
    case kContinuation:
      return TakeHeaders(payload_left_, (flags & kEndHeaders) != 0);
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
