#include "client/cli/text/disk_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

absl::Status SystemError(const std::string& name, const std::string& what) {
  return DataError({name}, absl::StrCat(what, std::generic_category().message(errno)));
}

// A descriptor of a new file that has no name; negative if there can't be one.
int OpenNameless(const std::string& directory) {
  const int nameless = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (nameless >= 0) return nameless;
  // Some file systems have none, but a name can be taken away.
  std::string path = absl::StrCat(directory, "/descent.XXXXXX");
  const int named = mkostemp(path.data(), O_CLOEXEC);
  if (named >= 0) unlink(path.c_str());
  return named;
}

}  // namespace

DiskFile::DiskFile(int descriptor, int64_t start, std::string name)
    : descriptor_(descriptor), start_(start), name_(std::move(name)) {}

DiskFile::~DiskFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<std::shared_ptr<const DiskFile>> DiskFile::Of(int descriptor, int64_t start,
                                                             std::string name) {
  std::shared_ptr<DiskFile> file(
      new DiskFile(fcntl(descriptor, F_DUPFD_CLOEXEC, 0), start, std::move(name)));
  struct stat status = {};
  if (file->descriptor_ < 0 || fstat(file->descriptor_, &status) != 0) {
    return SystemError(file->name_, "");
  }
  file->size_ = status.st_size > start ? status.st_size - start : 0;
  return file;
}

absl::StatusOr<std::shared_ptr<const DiskFile>> DiskFile::Spool(const Source& source,
                                                                std::string name) {
  const char* set = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): nobody sets any
  const std::string directory = set == nullptr || *set == '\0' ? "/tmp" : set;
  const std::string what =
      absl::StrCat("it is read out of order, and can't be kept in ", directory, " ($TMPDIR): ");
  std::shared_ptr<DiskFile> file(new DiskFile(OpenNameless(directory), 0, std::move(name)));
  if (file->descriptor_ < 0) return SystemError(file->name_, what);
  std::string piece;
  while (true) {
    ASSIGN_OR_RETURN(const bool any, source(&piece));
    if (!any) return file;
    for (size_t written = 0; written < piece.size();) {
      const ssize_t count =
          write(file->descriptor_, piece.data() + written, piece.size() - written);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return SystemError(file->name_, what);
      written += static_cast<size_t>(count);
    }
    file->size_ += static_cast<int64_t>(piece.size());
  }
}

absl::StatusOr<size_t> DiskFile::Read(int64_t offset, char* to, size_t bytes) const {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t count = pread(descriptor_, to + done, bytes - done,
                                static_cast<off_t>(start_ + offset + static_cast<int64_t>(done)));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError(name_, "");
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

}  // namespace descent::cli
