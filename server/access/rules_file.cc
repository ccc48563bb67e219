#include "server/access/rules_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/access/parse_rules.h"

namespace descent::access {
namespace {

std::string SystemError() { return std::generic_category().message(errno); }

std::int64_t Nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

absl::Status RulesFile::Unreadable(const std::string& why) const {
  return absl::InvalidArgumentError(absl::StrCat(path_, ": expected a file of callers, got ", why));
}

RulesFile::State RulesFile::StateOf(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .modified = Nanoseconds(status.st_mtim),
          .changed = Nanoseconds(status.st_ctim)};
}

absl::StatusOr<RulesFile::State> RulesFile::StateNow() const {
  struct stat status {};
  if (stat(path_.c_str(), &status) != 0) return Unreadable(SystemError());
  return StateOf(status);
}

absl::StatusOr<RulesFile::Contents> RulesFile::ReadContents() const {
  // What is no file, a pipe perhaps, is not waited for.
  const int descriptor = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return Unreadable(SystemError());
  const absl::Cleanup close_it = [descriptor] { close(descriptor); };
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return Unreadable(SystemError());
  if (!S_ISREG(status.st_mode)) {
    return Unreadable(S_ISDIR(status.st_mode) ? "a directory" : "what is no file");
  }
  std::string text(kMostFileBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(descriptor, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Unreadable(SystemError());
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMostFileBytes) {
    return Unreadable(absl::StrCat("one of more than ", kMostFileBytes, " bytes"));
  }
  text.resize(size);
  if (fstat(descriptor, &status) != 0) return Unreadable(SystemError());
  return Contents{std::move(text), StateOf(status)};
}

absl::StatusOr<Rules> RulesFile::Read() {
  ASSIGN_OR_RETURN(const Contents contents, ReadContents());
  taken_ = contents.state;
  return ParseRules(contents.text, path_);
}

std::optional<absl::StatusOr<Rules>> RulesFile::TellOnce(const absl::Status& status) {
  seen_.reset();
  taken_.reset();  // it is read again when it can be, though it may be the same
  std::string message(status.message());
  if (message == told_) return std::nullopt;
  told_ = std::move(message);
  return status;
}

std::optional<absl::StatusOr<Rules>> RulesFile::Look() {
  const absl::StatusOr<State> state = StateNow();
  if (!state.ok()) return TellOnce(state.status());
  if (seen_ != *state) {
    seen_ = *state;
    return std::nullopt;
  }
  if (taken_ == *state) return std::nullopt;
  const absl::StatusOr<Contents> contents = ReadContents();
  if (!contents.ok()) return TellOnce(contents.status());
  if (contents->state != *state) return std::nullopt;  // changed meanwhile: seen the next time
  taken_ = *state;
  told_.clear();
  return ParseRules(contents->text, path_);
}

}  // namespace descent::access
