#include "server/http/port.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <chrono>
#include <functional>
#include <list>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clock/steady.h"
#include "core/exceptions.h"
#include "core/status_macros.h"
#include "core/thread_name.h"
#include "endpoint/endpoint.h"
#include "server/http/connection.h"
#include "server/http/connection_table.h"
#include "server/http/encryption.h"
#include "server/ops/listening.h"
#include "server/ops/log.h"

namespace descent::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr int kWorkers = 2;
// How much less of the processor these threads get than others that want it.
constexpr int kReadingNiceness = 5;
constexpr int kWorkingNiceness = 10;
// When there is no place for a connection, or no descriptor, it is looked again so much later.
constexpr absl::Duration kPause = absl::Milliseconds(50);
constexpr int kAcceptedAtOnce = 16;
constexpr absl::Duration kGrace = absl::Seconds(2);

void BeNice(int niceness) {
  // Of the calling thread alone: that is what it means to Linux.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), niceness);
}

// What is thrown for want of memory ends the connection that it is thrown for, and nothing else.
void RunAll(asio::io_context* context) {
  for (;;) {
    try {
      context->run();
      return;
    } catch (...) {
      const std::string error(StatusOfException().message());
      ops::Log(ops::LogLevel::kError, "an HTTP connection failed",
               {{"error", std::string_view(error)}});
    }
  }
}

}  // namespace

class Port::Impl final : public ConnectionHost {
 public:
  Impl(const PortOptions& options, std::shared_ptr<ops::Tls> tls, Site site,
       ops::Listening listening)
      : max_connections_(options.max_connections),
        max_unsent_(options.max_unsent_bytes),
        max_body_(options.max_body_bytes),
        reserve_body_(options.reserve_body),
        late_(std::make_shared<LateAnswers>(options.max_late_answers)),
        times_{.head = options.head_time,
               .idle = options.idle_time,
               .body = options.body_time,
               .answer = options.answer_time},
        site_(std::move(site)),
        listening_(std::move(listening)),
        pause_(io_) {
    if (tls != nullptr) encryption_.emplace(std::move(tls));
  }

  ~Impl() override { Stop(); }

  absl::Status Start() {
    for (const ops::File& socket : listening_.sockets()) {
      // The accepting side has a file of its own of each socket.
      ops::File own(fcntl(socket.number(), F_DUPFD_CLOEXEC, 0));
      error_code error;
      asio::posix::stream_descriptor acceptor(io_);
      if (own.number() >= 0) acceptor.assign(own.number(), error);
      if (own.number() < 0 || error) return absl::UnavailableError("no file for the HTTP port");
      own.Release();
      acceptors_.push_back(std::move(acceptor));
    }
    for (auto& acceptor : acceptors_) Await(&acceptor);
    io_thread_ = std::thread([this] {
      NameThisThread("http");
      BeNice(kReadingNiceness);
      RunAll(&io_);
    });
    for (int i = 0; i < kWorkers; ++i) {
      workers_.emplace_back([this] {
        NameThisThread("http pages");
        BeNice(kWorkingNiceness);
        RunAll(&work_);
      });
    }
    return absl::OkStatus();
  }

  const std::string& address() const { return listening_.address(); }
  bool encrypted() const { return encryption_.has_value(); }

  const Site& site() const override { return site_; }
  void Work(std::function<void()> work) override { asio::post(work_, std::move(work)); }
  LateAnswers& late() override { return *late_; }
  std::size_t most_body_bytes() const override { return max_body_; }
  absl::StatusOr<std::shared_ptr<const void>> ReserveBody(std::size_t bytes) override {
    if (reserve_body_ == nullptr) return std::shared_ptr<const void>();
    return reserve_body_(bytes);
  }
  bool MayAnswer() const override { return unsent_ < max_unsent_; }
  void AddUnsent(std::size_t bytes) override { unsent_ += bytes; }
  void SubtractUnsent(std::size_t bytes) override { unsent_ -= bytes; }
  void Forget(const Connection* connection) override { connections_.Remove(connection); }

 private:
  using Acceptor = asio::posix::stream_descriptor;

  void Await(Acceptor* acceptor) {
    if (stopping_) return;
    acceptor->async_wait(Acceptor::wait_read, [this, acceptor](const error_code& error) {
      if (!error && !stopping_) Accept(acceptor);
    });
  }

  void Accept(Acceptor* acceptor) {
    for (int i = 0; i < kAcceptedAtOnce; ++i) {
      if (connections_.size() >= max_connections_ && !connections_.CloseOne()) {
        AwaitLater(acceptor);
        return;
      }
      ops::File accepted(
          accept4(acceptor->native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (accepted.number() >= 0) {
        Begin(std::move(accepted));
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        connections_.CloseOne();
        AwaitLater(acceptor);
        return;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        break;
      }
    }
    Await(acceptor);
  }

  void AwaitLater(Acceptor* acceptor) {
    waiting_.push_back(acceptor);
    pause_.expires_after(absl::ToChronoNanoseconds(kPause));
    pause_.async_wait([this](const error_code& error) {
      if (error) return;  // another one waits, too, from now on
      for (Acceptor* const waiting : std::exchange(waiting_, {})) Await(waiting);
    });
  }

  void Begin(ops::File socket) {
    std::shared_ptr<asio::ssl::context> context;
    if (encryption_.has_value()) {
      context = encryption_->Context();
      if (context == nullptr) return;
    }
    const std::shared_ptr<Connection> connection =
        MakeConnection(&io_, std::move(socket), std::move(context), times_, this);
    if (connection == nullptr) return;
    connections_.Add(connection);
    connection->Start();
  }

  void Stop() {
    asio::post(io_, [this] {
      stopping_ = true;
      pause_.cancel();
      for (Acceptor& acceptor : acceptors_) {
        error_code ignored;
        acceptor.close(ignored);
      }
      for (const auto& connection : connections_.All()) connection->CloseWhenAnswered();
    });
    const absl::Time end = SteadyNow() + kGrace;
    while (io_thread_.joinable() && connections_.size() > 0 && SteadyNow() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    late_->Close();
    work_.stop();
    for (std::thread& worker : workers_) worker.join();
    io_.stop();
    if (io_thread_.joinable()) io_thread_.join();
  }

  const std::size_t max_connections_;
  const std::size_t max_unsent_;
  const std::size_t max_body_;
  const std::function<absl::StatusOr<std::shared_ptr<const void>>(std::size_t)> reserve_body_;
  const std::shared_ptr<LateAnswers> late_;
  const ConnectionTimes times_;
  const Site site_;
  ops::Listening listening_;
  std::atomic<std::size_t> unsent_ = 0;
  ConnectionTable connections_;  // outlives those of which the contexts hold the last reference

  asio::io_context io_{1};
  asio::io_context work_;  // what waits in it goes first: it may hold connections
  const asio::executor_work_guard<asio::io_context::executor_type> work_guard_{
      work_.get_executor()};
  const asio::executor_work_guard<asio::io_context::executor_type> io_guard_{io_.get_executor()};
  std::optional<Encryption> encryption_;  // this and those below are the reading thread's
  std::list<Acceptor> acceptors_;
  std::vector<Acceptor*> waiting_;
  bool stopping_ = false;
  asio::steady_timer pause_;
  std::vector<std::thread> workers_;
  std::thread io_thread_;
};

absl::StatusOr<std::unique_ptr<Port>> Port::Start(const PortOptions& options,
                                                  const std::shared_ptr<ops::Tls>& tls, Site site) {
  ASSIGN_OR_RETURN(ops::Listening listening, ops::Listening::At(options.address));
  const bool encrypted = tls != nullptr && !endpoint::IsOnlyLocal(options.address);
  auto impl = std::make_unique<Impl>(options, encrypted ? tls : nullptr, std::move(site),
                                     std::move(listening));
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Port>(new Port(std::move(impl)));
}

Port::Port(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Port::~Port() = default;

const std::string& Port::address() const { return impl_->address(); }

std::string Port::url() const {
  if (!endpoint::UnixPath(address()).empty()) return address();
  return absl::StrCat(impl_->encrypted() ? "https://" : "http://",
                      endpoint::ReachableAddress(address()), "/");
}

}  // namespace descent::http
