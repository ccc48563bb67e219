#include "server/ops/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace descent::ops {
namespace {

absl::Status Refused(const std::string& path, const std::string& reason) {
  return absl::UnavailableError(absl::StrCat("cannot listen on unix:", path, ": ", reason));
}

bool SomebodyListens(const std::string& path) {
  const int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  // A listener whose queue is full is one.
  const bool listens =
      connect(file, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
      errno == EAGAIN;
  close(file);
  return listens;
}

}  // namespace

absl::Status CheckUnixSocket(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return Refused(path, "the path is too long");
  struct stat found {};
  if (lstat(path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) return Refused(path, "something else than a socket is there");
    if (SomebodyListens(path)) return Refused(path, "another server listens there");
  }
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    return Refused(path, absl::StrCat(directory, ": ", std::generic_category().message(errno)));
  }
  return absl::OkStatus();
}

}  // namespace descent::ops
