#include "server/ops/watched_sockets.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "clock/steady.h"
#include "core/check.h"

namespace descent::ops {
namespace {

// Written by who accepts the connection, before it is handed to gRPC, which has one thread read it
// at a time. A filter stays for the next connection of its number.
struct Watched {
  std::atomic<bool> watched = false;
  std::atomic<std::uint32_t> calls = 0;
  std::unique_ptr<FrameFilter> filter;
};

std::array<Watched, kMaxWatchedSocket>& Sockets() {
  static auto* const sockets = new std::array<Watched, kMaxWatchedSocket>();  // read until the end
  return *sockets;
}
// So that other sockets cost one look.
std::atomic<bool> any_watched = false;

Watched* Find(int socket) {
  if (!any_watched.load(std::memory_order_acquire)) return nullptr;
  if (socket < 0 || socket >= kMaxWatchedSocket) return nullptr;
  Watched& found = Sockets()[static_cast<std::size_t>(socket)];
  return found.watched.load(std::memory_order_acquire) ? &found : nullptr;
}

// Whether the connection may go on.
bool LookAt(Watched* watched, const msghdr& message, std::size_t size) {
  const absl::Time now = SteadyNow();
  FrameFilter* const filter = watched->filter.get();
  for (std::size_t i = 0; i < message.msg_iovlen && size > 0; ++i) {
    const std::size_t part = std::min(size, message.msg_iov[i].iov_len);
    if (!filter->Take(message.msg_iov[i].iov_base, part, now)) return false;
    size -= part;
  }
  watched->calls.store(filter->calls(), std::memory_order_relaxed);
  return true;
}

}  // namespace

void WatchSocket(int socket, const FrameLimits& limits) {
  DESCENT_CHECK(socket >= 0 && socket < kMaxWatchedSocket);
  Watched& watched = Sockets()[static_cast<std::size_t>(socket)];
  watched.filter = std::make_unique<FrameFilter>(limits);
  watched.calls = 0;
  watched.watched.store(true, std::memory_order_release);
  any_watched.store(true, std::memory_order_release);
}

void LeaveUnwatched(int socket) {
  if (Watched* const watched = Find(socket)) {
    watched->watched.store(false, std::memory_order_release);
  }
}

std::uint32_t CallsOnSocket(int socket) {
  return Sockets()[static_cast<std::size_t>(socket)].calls.load(std::memory_order_relaxed);
}

}  // namespace descent::ops

// The system's own names.

extern "C" ssize_t recvmsg(int fd, msghdr* message, int flags) {
  const ssize_t size = syscall(SYS_recvmsg, fd, message, flags);
  descent::ops::Watched* const watched = descent::ops::Find(fd);
  if (watched == nullptr || (size < 0 && (errno == EAGAIN || errno == EINTR))) return size;
  if (size <= 0) {
    watched->watched.store(false, std::memory_order_release);
    return size;
  }
  if (descent::ops::LookAt(watched, *message, static_cast<std::size_t>(size))) {
    return size;
  }
  errno = ECONNRESET;
  return -1;
}

extern "C" int shutdown(int fd, int how) noexcept {
  if (descent::ops::Watched* const watched = descent::ops::Find(fd)) {
    watched->watched.store(false, std::memory_order_release);
  }
  return static_cast<int>(syscall(SYS_shutdown, fd, how));
}
