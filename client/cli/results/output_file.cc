#include "client/cli/results/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

constexpr size_t kPendingBytes = 64 * 1024;

absl::Status ErrorOf(const std::string& path) {
  return FileError(path, std::generic_category().message(errno));
}

// Where a symbolic link leads to, so that it stays one.
std::string Resolved(const std::string& path) {
  std::error_code error;
  const std::filesystem::path resolved = std::filesystem::weakly_canonical(path, error);
  return error ? path : resolved.string();
}

}  // namespace

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path,
                                                               Compression compression) {
  struct stat there {};
  const bool exists = stat(path.c_str(), &there) == 0;
  if (exists && S_ISDIR(there.st_mode)) return FileError(path, "is a directory");
  const bool direct = exists && !S_ISREG(there.st_mode);
  const std::string target = direct ? path : Resolved(path);
  const std::string partial = direct ? "" : absl::StrCat(target, ".", getpid(), ".partial");
  constexpr mode_t kEverybody = 0666;  // less the umask
  const int descriptor = open(direct ? path.c_str() : partial.c_str(),
                              O_WRONLY | O_CLOEXEC | (direct ? 0 : O_CREAT | O_TRUNC), kEverybody);
  if (descriptor < 0) return ErrorOf(path);
  std::unique_ptr<OutputFile> file(new OutputFile(target, partial, descriptor));
  if (compression != Compression::kNone) {
    file->packer_ = Packer::Create(compression);
    if (file->packer_ == nullptr) return FileError(path, "no memory to compress it");
  }
  return file;
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!partial_.empty()) unlink(partial_.c_str());
}

absl::Status OutputFile::WriteError() const { return ErrorOf(path_); }

absl::Status OutputFile::Append(absl::string_view bytes) {
  absl::StrAppend(&pending_, bytes);
  return pending_.size() < kPendingBytes ? absl::OkStatus() : Flush(/*last=*/false);
}

absl::Status OutputFile::Flush(bool last) {
  absl::Status status;
  if (packer_ == nullptr) {
    status = Write(pending_);
  } else {
    std::string packed;
    if (!packer_->Pack(pending_, last, &packed)) return FileError(path_, "can't be compressed");
    status = Write(packed);
  }
  pending_.clear();
  return status;
}

absl::Status OutputFile::Write(absl::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return WriteError();
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Overwrite(absl::string_view bytes) {
  RETURN_IF_ERROR(Flush(/*last=*/false));
  if (lseek(descriptor_, 0, SEEK_SET) != 0) return WriteError();
  absl::Status status = Write(bytes);
  if (status.ok() && lseek(descriptor_, 0, SEEK_END) < 0) return WriteError();
  return status;
}

absl::Status OutputFile::Commit() {
  RETURN_IF_ERROR(Flush(/*last=*/true));
  if (!partial_.empty() && fsync(descriptor_) != 0) return WriteError();
  // Some file systems say only now that there is no room.
  if (close(std::exchange(descriptor_, -1)) != 0) return WriteError();
  if (partial_.empty()) return absl::OkStatus();
  if (std::rename(partial_.c_str(), path_.c_str()) != 0) return WriteError();
  partial_.clear();
  return absl::OkStatus();
}

}  // namespace descent::cli
