// What one caller, or one connection, may have of the server at a time.

#ifndef SERVER_SERVICES_CALLER_LIMITS_H_
#define SERVER_SERVICES_CALLER_LIMITS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace descent::services {

// 0: no bound.
struct CallerLimits {
  // Calls at once, streams among them.
  std::int64_t calls = 0;
  // Calls a second, each message of a stream counted as one; after a pause as many at once.
  std::int64_t per_second = 0;
  // Bytes of messages that have come and are not answered yet. One call is let through whatever its
  // size.
  std::size_t bytes = 0;

  bool any() const { return calls > 0 || per_second > 0 || bytes > 0; }
};

// What is different for one caller.
struct LimitOverrides {
  std::optional<std::int64_t> calls = {};
  std::optional<std::int64_t> per_second = {};
  std::optional<std::size_t> bytes = {};

  CallerLimits Over(const CallerLimits& others) const {
    return {.calls = calls.value_or(others.calls),
            .per_second = per_second.value_or(others.per_second),
            .bytes = bytes.value_or(others.bytes)};
  }
};

struct CallLimits {
  // Who a caller is the admission says; without one, whoever calls from an address.
  CallerLimits caller = {};
  // Calls at once are HTTP/2's own limit of streams. Default: 512 MiB, half of what queued work may
  // take.
  CallerLimits connection = {.bytes = std::size_t{512} << 20};
};

// Lowers what would be a large part of a budget of `memory_bytes`: to what one model's queues take.
inline void BoundByMemory(std::size_t memory_bytes, CallLimits* limits) {
  if (limits->connection.bytes == 0) return;
  limits->connection.bytes = std::min(limits->connection.bytes, memory_bytes / 16);
}

}  // namespace descent::services

#endif  // SERVER_SERVICES_CALLER_LIMITS_H_
