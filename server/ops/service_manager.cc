#include "server/ops/service_manager.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "server/ops/log.h"

namespace descent::ops {
namespace {

// How long a start may take from one notice to the next.
constexpr absl::Duration kStartPatience = absl::Minutes(2);
constexpr timeval kSendPatience = {.tv_sec = 1, .tv_usec = 0};

std::string ExtendTimeout(absl::Duration timeout) {
  return absl::StrCat("EXTEND_TIMEOUT_USEC=", absl::ToInt64Microseconds(timeout));
}

std::string SystemError() { return std::generic_category().message(errno); }

}  // namespace

ServiceManager::ServiceManager(const std::string& socket) : address_(socket) {
  if (socket.empty()) return;
  const auto warn = [&socket](const std::string& reason) {
    Log(LogLevel::kWarning, "the service manager is not told how far the server is",
        {{"notify_socket", std::string_view(socket)}, {"error", std::string_view(reason)}});
  };
  if ((socket.front() != '/' && socket.front() != '@') || socket.size() == 1 ||
      socket.size() >= sizeof(sockaddr_un::sun_path)) {
    warn("expected the path of a socket, or @ and its abstract name");
    return;
  }
  if (socket.front() == '@') address_.front() = '\0';
  file_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (file_ < 0) {
    warn(SystemError());
    return;
  }
  setsockopt(file_, SOL_SOCKET, SO_SNDTIMEO, &kSendPatience, sizeof(kSendPatience));
}

ServiceManager::~ServiceManager() {
  if (file_ >= 0) close(file_);
}

void ServiceManager::Starting(absl::string_view status) const {
  Tell(absl::StrCat("STATUS=", status, "\n", ExtendTimeout(kStartPatience)));
}

void ServiceManager::Serving(absl::string_view status) const {
  Tell(absl::StrCat("READY=1\nSTATUS=", status));
}

void ServiceManager::Stopping(absl::Duration timeout) const {
  Tell(absl::StrCat("STOPPING=1\nSTATUS=draining\n", ExtendTimeout(timeout)));
}

void ServiceManager::Failed(absl::string_view status) const {
  Tell(absl::StrCat("STATUS=", status, "\nWATCHDOG=trigger"));
}

void ServiceManager::Tell(absl::string_view notice) const {
  if (file_ < 0) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, address_.data(), address_.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  if (sendto(file_, notice.data(), notice.size(), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    const std::string error = SystemError();
    Log(LogLevel::kWarning, "the service manager did not take a notice",
        {{"error", std::string_view(error)}});
  }
}

void RecoveryNotices::OnProgress(const std::string& model, std::int64_t replayed,
                                 std::int64_t remaining_bytes) {
  manager_->Starting(absl::StrCat("recovering: ", models_.load(), " models are back; of ", model,
                                  " ", replayed, " updates are applied again, and ",
                                  (remaining_bytes >> 20), " MiB of them left"));
  next_->OnProgress(model, replayed, remaining_bytes);
}

void RecoveryNotices::OnModel(const std::string& model, const absl::Status& status,
                              const models::Replayed& replayed, absl::Duration duration) {
  const std::int64_t models = models_.fetch_add(1) + 1;
  // Small models come back by the hundred, and a manager needs no word of each.
  if (models % 100 == 1 || duration >= absl::Seconds(1)) {
    manager_->Starting(absl::StrCat("recovering: ", models, " models are back"));
  }
  next_->OnModel(model, status, replayed, duration);
}

}  // namespace descent::ops
