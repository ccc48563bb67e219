#include "server/store/files/file_identity.h"

#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "server/store/errors.h"

namespace descent::store {

FileIdentity FileIdentity::Of(const std::string& path) {
  FileIdentity identity;
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return identity;
  identity.path_ = path;
  identity.device_ = found.st_dev;
  identity.inode_ = found.st_ino;
  return identity;
}

absl::Status FileIdentity::Check() const {
  if (path_.empty()) return absl::OkStatus();
  struct stat found {};
  if (::stat(path_.c_str(), &found) != 0) {
    if (errno == EACCES) return absl::OkStatus();
    if (errno == ENOENT || errno == ENOTDIR) {
      return StorageFailed(absl::StrCat(path_, " has been deleted or moved away"));
    }
    return StorageFailed(
        absl::StrCat("can't look for ", path_, ": ", std::generic_category().message(errno)));
  }
  if (found.st_dev == device_ && found.st_ino == inode_) return absl::OkStatus();
  return StorageFailed(absl::StrCat(path_, " has been replaced by another file"));
}

}  // namespace descent::store
