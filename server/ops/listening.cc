#include "server/ops/listening.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "endpoint/endpoint.h"
#include "server/ops/socket_option.h"
#include "server/ops/unix_socket.h"

namespace descent::ops {
namespace {

constexpr int kBacklog = 4096;

std::string LastError() { return std::generic_category().message(errno); }

int PortOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

}  // namespace

absl::StatusOr<Listening> Listening::At(const std::string& address) {
  Listening listening;
  listening.address_ = address;
  const std::string path(endpoint::UnixPath(address));
  absl::Status status;
  if (!path.empty()) {
    if (absl::Status free = CheckUnixSocket(path); !free.ok()) return free;
    status = listening.AtPath(path);
  } else {
    const std::size_t colon = address.rfind(':');
    std::string host = address.substr(0, colon);
    if (host.size() >= 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    status = listening.AtHost(host, address.substr(colon + 1));
    if (status.ok()) {
      listening.address_ =
          absl::StrCat(address.substr(0, colon), ":", PortOf(listening.sockets_.front().number()));
    }
  }
  if (!status.ok()) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", status.message()));
  }
  return listening;
}

Listening::Listening(Listening&& other) noexcept
    : address_(std::move(other.address_)),
      path_(std::exchange(other.path_, "")),
      sockets_(std::move(other.sockets_)) {}

Listening::~Listening() {
  if (!path_.empty()) unlink(path_.c_str());
}

absl::Status Listening::AtHost(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  // All addresses are those of both versions of IP where there are two.
  const bool all = host == "0.0.0.0" || host == "::";
  const int error = getaddrinfo(all ? "::" : host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) return absl::UnavailableError(gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);

  absl::Status status = absl::UnavailableError("the name has no address");
  for (addrinfo* address = found; address != nullptr; address = address->ai_next) {
    File file(socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (file.number() < 0) {
      status = absl::UnavailableError(LastError());
      continue;
    }
    SetOption(file.number(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (address->ai_family == AF_INET6) {
      SetOption(file.number(), IPPROTO_IPV6, IPV6_V6ONLY, all ? 0 : 1);
    }
    if (!sockets_.empty() && port == "0") {
      // One port for all of a name's addresses.
      const auto picked = htons(static_cast<std::uint16_t>(PortOf(sockets_.front().number())));
      if (address->ai_family == AF_INET6) {
        reinterpret_cast<sockaddr_in6*>(address->ai_addr)->sin6_port = picked;
      } else {
        reinterpret_cast<sockaddr_in*>(address->ai_addr)->sin_port = picked;
      }
    }
    if (bind(file.number(), address->ai_addr, address->ai_addrlen) != 0) {
      status = absl::UnavailableError(LastError());
      // A name stands for all of its addresses that there are.
      if (errno == EADDRINUSE || errno == EACCES) return status;
      continue;
    }
    if (absl::Status begun = Begin(std::move(file)); !begun.ok()) return begun;
  }
  if (!sockets_.empty()) return absl::OkStatus();
  if (all) return host == "0.0.0.0" ? AtAnyIpv4(port) : status;
  return status;
}

absl::Status Listening::AtAnyIpv4(const std::string& port) {
  File file(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  SetOption(file.number(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (file.number() < 0 ||
      bind(file.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return absl::UnavailableError(LastError());
  }
  return Begin(std::move(file));
}

absl::Status Listening::AtPath(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof(address.sun_path) - 1));
  unlink(path.c_str());  // nobody listens there, CheckUnixSocket says
  File file(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (file.number() < 0 ||
      bind(file.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return absl::UnavailableError(LastError());
  }
  path_ = path;
  return Begin(std::move(file));
}

absl::Status Listening::Begin(File socket) {
  if (listen(socket.number(), kBacklog) != 0) return absl::UnavailableError(LastError());
  sockets_.push_back(std::move(socket));
  return absl::OkStatus();
}

}  // namespace descent::ops
