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
#include <string_view>

#include "clock/steady.h"
#include "core/check.h"
#include "server/ops/frame_filter.h"
#include "server/ops/goodbye.h"

namespace descent::ops {
namespace {

// Written by who accepts the connection, before it is handed to gRPC, which has one thread read it
// at a time, and one write it. What looks at it stays until the next connection of its number.
struct Watched {
  std::atomic<bool> watched = false;
  std::atomic<std::uint32_t> calls = 0;
  std::unique_ptr<FrameFilter> filter;
  std::unique_ptr<Goodbye> goodbye;
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

// Whether what gRPC has to send may be sent now. If not, errno says why.
bool SayGoodbye(int socket, Goodbye* goodbye) {
  for (std::string_view due = goodbye->Due(); !due.empty(); due = goodbye->Due()) {
    const ssize_t size = send(socket, due.data(), due.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return !goodbye->is_broken_off();
    goodbye->NoteSaid(static_cast<std::size_t>(size));
  }
  return true;
}

void NoteSent(const msghdr& message, std::size_t size, Goodbye* goodbye) {
  for (std::size_t i = 0; i < message.msg_iovlen && size > 0; ++i) {
    const std::size_t part = std::min(size, message.msg_iov[i].iov_len);
    goodbye->NoteSent(message.msg_iov[i].iov_base, part);
    size -= part;
  }
}

}  // namespace

void WatchSocket(int socket, const Watch& watch) {
  DESCENT_CHECK(socket >= 0 && socket < kMaxWatchedSocket);
  Watched& watched = Sockets()[static_cast<std::size_t>(socket)];
  watched.filter = std::make_unique<FrameFilter>(watch.frames);
  watched.goodbye = std::make_unique<Goodbye>(watch.is_leaving);
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

extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  descent::ops::Watched* const watched = descent::ops::Find(fd);
  if (watched == nullptr) return syscall(SYS_sendmsg, fd, message, flags);
  descent::ops::Goodbye* const goodbye = watched->goodbye.get();
  if (!descent::ops::SayGoodbye(fd, goodbye)) return -1;
  const ssize_t size = syscall(SYS_sendmsg, fd, message, flags);
  if (size > 0) descent::ops::NoteSent(*message, static_cast<std::size_t>(size), goodbye);
  return size;
}

extern "C" int shutdown(int fd, int how) noexcept {
  if (descent::ops::Watched* const watched = descent::ops::Find(fd)) {
    watched->watched.store(false, std::memory_order_release);
  }
  return static_cast<int>(syscall(SYS_shutdown, fd, how));
}
