#include "server/ops/acceptor.h"

#include <fcntl.h>
#include <grpcpp/server_builder.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/thread_name.h"
#include "endpoint/endpoint.h"
#include "server/ops/log.h"
#include "server/ops/watched_sockets.h"

namespace descent::ops {
namespace {

// For everything that is no connection: libraries, logs, the store's files and its backups.
constexpr std::size_t kOtherFiles = 64;
constexpr std::size_t kMostConnections = 16384;

constexpr int kBacklog = 4096;
// A peer whose system does not answer, or takes no byte, for so long is given up.
constexpr unsigned kUserTimeoutMilliseconds = 80'000;

std::string LastError() { return std::generic_category().message(errno); }

absl::Status CannotListen(const std::string& address, const std::string& why) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": ", why));
}

// A connection takes a file here and one in gRPC.
std::size_t ConnectionsThatFit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kMostConnections;
  const std::size_t files = limit.rlim_cur;
  if (files <= kOtherFiles + 2) return 1;
  return std::min(kMostConnections, (files - kOtherFiles) / 2);
}

void SetOption(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof value);
}

int PortOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

std::string PeerOf(const sockaddr_storage& address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(),
                  nullptr, 0, NI_NUMERICHOST) != 0) {
    return "";
  }
  return host.data();
}

// For how many milliseconds nothing has come; from a socket that has never called, for longer than
// from any other.
std::uint64_t Silence(int socket) {
  constexpr std::uint64_t kNeverCalled = std::uint64_t{1} << 32;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  return info.tcpi_last_data_recv + (CallsOnSocket(socket) == 0 ? kNeverCalled : 0);
}

}  // namespace

Acceptor::File::File(File&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

Acceptor::File& Acceptor::File::operator=(File&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

Acceptor::File::~File() {
  if (number_ >= 0) close(number_);
}

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Listen(const std::string& address,
                                                           std::size_t max_connections,
                                                           const FrameLimits& frames) {
  std::unique_ptr<Acceptor> acceptor(
      new Acceptor(max_connections > 0 ? max_connections : ConnectionsThatFit(), frames));
  acceptor->address_ = address;
  const std::string path(endpoint::UnixPath(address));
  absl::Status status;
  if (!path.empty()) {
    status = acceptor->ListenAtPath(path);
  } else {
    const std::size_t colon = address.rfind(':');
    std::string host = address.substr(0, colon);
    if (host.size() >= 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    status = acceptor->ListenAt(host, address.substr(colon + 1));
    if (status.ok()) {
      acceptor->address_ = absl::StrCat(address.substr(0, colon), ":",
                                        PortOf(acceptor->listeners_.front().number()));
    }
  }
  if (!status.ok()) return CannotListen(address, std::string(status.message()));
  return acceptor;
}

Acceptor::Acceptor(std::size_t max_connections, const FrameLimits& frames)
    : max_connections_(max_connections),
      frames_(frames),
      events_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      reserve_(open("/dev/null", O_RDONLY | O_CLOEXEC)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_.number();
  epoll_ctl(events_.number(), EPOLL_CTL_ADD, wake_.number(), &event);
}

Acceptor::~Acceptor() {
  Stop();
  if (!path_.empty()) unlink(path_.c_str());
}

absl::Status Acceptor::ListenAt(const std::string& host, const std::string& port) {
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
    if (!listeners_.empty() && port == "0") {
      // One port for all of a name's addresses.
      const auto picked = htons(static_cast<std::uint16_t>(PortOf(listeners_[0].number())));
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
    if (absl::Status begun = BeginListening(std::move(file)); !begun.ok()) return begun;
  }
  if (!listeners_.empty()) return absl::OkStatus();
  if (all) return host == "0.0.0.0" ? ListenAtAnyIpv4(port) : status;
  return status;
}

absl::Status Acceptor::ListenAtAnyIpv4(const std::string& port) {
  File file(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  SetOption(file.number(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (file.number() < 0 ||
      bind(file.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return absl::UnavailableError(LastError());
  }
  return BeginListening(std::move(file));
}

absl::Status Acceptor::ListenAtPath(const std::string& path) {
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
  return BeginListening(std::move(file));
}

absl::Status Acceptor::BeginListening(File socket) {
  if (listen(socket.number(), kBacklog) != 0) return absl::UnavailableError(LastError());
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = socket.number();
  if (epoll_ctl(events_.number(), EPOLL_CTL_ADD, socket.number(), &event) != 0) {
    return absl::UnavailableError(LastError());
  }
  listeners_.push_back(std::move(socket));
  return absl::OkStatus();
}

void Acceptor::Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server) {
  server_ = std::move(server);
  thread_ = std::thread([this] {
    NameThisThread("accept");
    Run();
  });
}

void Acceptor::Stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  const std::uint64_t one = 1;
  (void)!write(wake_.number(), &one, sizeof one);
  thread_.join();
  listeners_.clear();
}

void Acceptor::Run() {
  std::array<epoll_event, 64> events{};
  while (!stopping_) {
    const int count = epoll_wait(events_.number(), events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int file = events[static_cast<std::size_t>(i)].data.fd;
      const bool listens = std::any_of(listeners_.begin(), listeners_.end(),
                                       [&](const File& each) { return each.number() == file; });
      if (listens) {
        Accept(file);
      } else if (file != wake_.number()) {
        Forget(file);
      }
    }
  }
}

void Acceptor::Accept(int listener) {
  // Some at a time, so that connections that are over are heard of in between.
  for (int i = 0; i < 64; ++i) {
    File accepted(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted.number() >= 0) {
      // Before it is one of them: it has not called, and would be the one to go.
      if (count_ >= max_connections_) MakeRoom();
      HandOver(std::move(accepted), listener);
    } else if (errno == EMFILE || errno == ENFILE) {
      MakeRoom();
      RefuseOne(listener);
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;
    }
  }
}

void Acceptor::HandOver(File accepted, int listener) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const int number = accepted.number();
  if (number >= kMaxWatchedSocket ||
      getpeername(number, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
    return;
  }
  File watch(fcntl(number, F_DUPFD_CLOEXEC, 0));
  epoll_event event{};  // without any event: errors and the end are always told
  event.data.fd = watch.number();
  if (watch.number() < 0 ||
      epoll_ctl(events_.number(), EPOLL_CTL_ADD, watch.number(), &event) != 0) {
    return;
  }
  SetOption(number, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(number, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMilliseconds);
  WatchSocket(number, frames_);

  const int key = watch.number();
  connections_[key] = {.file = std::move(watch), .socket = number, .address = PeerOf(peer, size)};
  count_ = connections_.size();
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = listener;
  connection.fd = accepted.Release();
  server_->HandleNewConnection(&connection);
}

void Acceptor::RefuseOne(int listener) {
  reserve_ = File();
  { const File refused(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)); }
  reserve_ = File(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void Acceptor::MakeRoom() {
  std::map<std::string, std::vector<std::pair<std::uint64_t, int>>> by_address;
  for (const auto& [file, connection] : connections_) {
    by_address[connection.address].emplace_back(Silence(connection.socket), file);
  }
  if (by_address.empty()) return;
  auto& crowd =
      std::max_element(by_address.begin(), by_address.end(), [](const auto& a, const auto& b) {
        return a.second.size() < b.second.size();
      })->second;
  // Several at once, since looking at all of them is not for nothing.
  const std::size_t going = 1 + crowd.size() / 64;
  std::nth_element(crowd.begin(), crowd.begin() + static_cast<std::ptrdiff_t>(going - 1),
                   crowd.end(), std::greater<>());
  for (std::size_t i = 0; i < going; ++i) {
    // gRPC finds the connection closed, and closes its own file.
    ::shutdown(crowd[i].second, SHUT_RDWR);
    Forget(crowd[i].second);
  }
  if (!std::exchange(was_full_, true)) {
    Log(LogLevel::kWarning, "connections are as many as there may be; silent ones are closed",
        {{"connections", static_cast<std::int64_t>(max_connections_)}});
  }
}

void Acceptor::Forget(int file) {
  // Closing it would not do that: gRPC has another file of the same socket.
  epoll_ctl(events_.number(), EPOLL_CTL_DEL, file, nullptr);
  connections_.erase(file);
  count_ = connections_.size();
}

}  // namespace descent::ops
