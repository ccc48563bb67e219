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
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "core/check.h"
#include "core/thread_name.h"
#include "server/ops/log.h"
#include "server/ops/socket_option.h"
#include "server/ops/watched_sockets.h"

namespace descent::ops {
namespace {

// For everything that is no connection: libraries, logs, the store's files and its backups.
constexpr std::size_t kOtherFiles = 64;
constexpr std::size_t kMostConnections = 16384;

// A peer whose system does not answer, or takes no byte, for so long is given up.
constexpr unsigned kUserTimeoutMilliseconds = 80'000;

// A connection takes a file here and one in gRPC.
std::size_t ConnectionsThatFit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kMostConnections;
  const std::size_t files = limit.rlim_cur;
  if (files <= kOtherFiles + 2) return 1;
  return std::min(kMostConnections, (files - kOtherFiles) / 2);
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
// from any other. Whether an encrypted one has called can't be told from outside.
std::uint64_t Silence(int socket, bool encrypted) {
  constexpr std::uint64_t kNeverCalled = std::uint64_t{1} << 32;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  return info.tcpi_last_data_recv + (!encrypted && CallsOnSocket(socket) == 0 ? kNeverCalled : 0);
}

}  // namespace

Acceptor::Acceptor(std::vector<Port> ports, std::size_t max_connections, Watch watch)
    : max_connections_(max_connections > 0 ? max_connections : ConnectionsThatFit()),
      watch_(std::move(watch)),
      events_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      reserve_(open("/dev/null", O_RDONLY | O_CLOEXEC)),
      ports_(std::move(ports)) {
  AddEvents(wake_.number(), EPOLLIN);
}

Acceptor::~Acceptor() { Stop(); }

bool Acceptor::AddEvents(int file, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = file;
  return epoll_ctl(events_.number(), EPOLL_CTL_ADD, file, &event) == 0;
}

void Acceptor::Start(std::vector<std::unique_ptr<ExternalConnectionAcceptor>> servers) {
  DESCENT_CHECK(servers.size() == ports_.size());
  servers_ = std::move(servers);
  for (std::size_t port = 0; port < ports_.size(); ++port) {
    for (const File& socket : ports_[port].listening.sockets()) {
      AddEvents(socket.number(), EPOLLIN);
      port_of_[socket.number()] = port;
    }
  }
  thread_ = std::thread([this] {
    NameThisThread("accept");
    Run();
  });
}

void Acceptor::StopListening() {
  listening_ = false;
  Wake();
}

void Acceptor::Stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  Wake();
  thread_.join();
  CloseListening();
}

void Acceptor::EndConnections() {
  for (const auto& [file, connection] : connections_) ::shutdown(file, SHUT_RDWR);
  connections_.clear();
  count_ = 0;
}

void Acceptor::Wake() {
  const std::uint64_t one = 1;
  (void)!write(wake_.number(), &one, sizeof one);
}

void Acceptor::CloseListening() {
  for (Port& port : ports_) port.listening.Close();
}

void Acceptor::Run() {
  std::array<epoll_event, 64> events{};
  while (!stopping_) {
    const int count = epoll_wait(events_.number(), events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int file = events[static_cast<std::size_t>(i)].data.fd;
      if (port_of_.contains(file)) {
        Accept(file);
      } else if (file != wake_.number()) {
        Forget(file);
      } else if (!listening_) {
        std::uint64_t wakes = 0;
        (void)!read(file, &wakes, sizeof wakes);
        CloseListening();
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
  // Without any event: errors and the end are always told.
  if (watch.number() < 0 || !AddEvents(watch.number(), 0)) return;
  SetOption(number, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(number, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMilliseconds);
  const std::size_t port = port_of_.at(listener);
  const bool encrypted = ports_[port].encrypted;
  if (!encrypted) WatchSocket(number, watch_);

  const int key = watch.number();
  connections_[key] = {.file = std::move(watch),
                       .socket = number,
                       .address = PeerOf(peer, size),
                       .encrypted = encrypted};
  count_ = connections_.size();
  ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = listener;
  connection.fd = accepted.Release();
  servers_[port]->HandleNewConnection(&connection);
}

void Acceptor::RefuseOne(int listener) {
  reserve_ = File();
  { const File refused(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)); }
  reserve_ = File(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void Acceptor::MakeRoom() {
  std::map<std::string, std::vector<std::pair<std::uint64_t, int>>> by_address;
  for (const auto& [file, connection] : connections_) {
    by_address[connection.address].emplace_back(Silence(connection.socket, connection.encrypted),
                                                file);
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
