#ifndef SERVER_OPS_WATCH_H_
#define SERVER_OPS_WATCH_H_

#include <atomic>
#include <memory>

#include "server/ops/frame_filter.h"

namespace descent::ops {

// How the connections of a server are watched, both ways.
struct Watch {
  FrameLimits frames = {};
  // Once true, clients are asked to make no more calls (goodbye.h). Null: never.
  std::shared_ptr<const std::atomic<bool>> is_leaving = nullptr;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_WATCH_H_
