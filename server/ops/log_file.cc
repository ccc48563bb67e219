#include "server/ops/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/ops/log.h"

namespace descent::ops {
namespace {

constexpr absl::Duration kWriteInterval = absl::Milliseconds(200);

// Pipes without a reader are an error, and full ones lose lines: neither is waited for.
File OpenToAppend(const std::string& path) {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK;
  constexpr mode_t kMode = 0640;
  return File(open(path.c_str(), kFlags, kMode));
}

std::string MessageOf(int error) { return std::generic_category().message(error); }

}  // namespace

absl::StatusOr<std::unique_ptr<LogFile>> LogFile::Open(std::string path, std::string what) {
  File file = OpenToAppend(path);
  if (file.number() < 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", MessageOf(errno)));
  }
  return std::unique_ptr<LogFile>(new LogFile(std::move(path), std::move(what), std::move(file)));
}

LogFile::LogFile(std::string path, std::string what, File file)
    : path_(std::move(path)),
      what_(std::move(what)),
      file_(std::move(file)),
      ticker_("log file", kWriteInterval, [this] { Flush(); }) {}

LogFile::~LogFile() { Flush(); }

void LogFile::Append(std::string_view line) {
  const absl::MutexLock lock(&mutex_);
  if (held_.size() + line.size() + 1 > kMostHeld) {
    ++dropped_;
    return;
  }
  held_.append(line).push_back('\n');
  ++held_lines_;
}

std::int64_t LogFile::dropped() const {
  const absl::MutexLock lock(&mutex_);
  return dropped_;
}

void LogFile::Flush() {
  const absl::MutexLock writing(&writing_);
  std::int64_t lines = 0;
  text_.clear();
  {
    const absl::MutexLock lock(&mutex_);
    text_.swap(held_);
    lines = std::exchange(held_lines_, 0);
  }
  Follow();
  const int error = text_.empty() ? 0 : Write(text_);
  std::int64_t dropped = 0;
  {
    const absl::MutexLock lock(&mutex_);
    if (error != 0) dropped_ += lines;
    dropped = dropped_;
  }
  if (error != 0 && !std::exchange(failing_, true)) {
    const std::string reason = MessageOf(error);
    Log(LogLevel::kError, what_ + " can't be written, and its lines are lost until it can",
        {{"file", std::string_view(path_)}, {"reason", std::string_view(reason)}});
  }
  if (error != 0 || text_.empty() || dropped == told_) return;
  failing_ = false;
  Log(LogLevel::kWarning, what_ + " has lost lines",
      {{"file", std::string_view(path_)}, {"lines", dropped - std::exchange(told_, dropped)}});
}

void LogFile::Follow() {
  struct stat named {};
  struct stat opened {};
  if (stat(path_.c_str(), &named) == 0 && fstat(file_.number(), &opened) == 0 &&
      named.st_dev == opened.st_dev && named.st_ino == opened.st_ino) {
    return;
  }
  File file = OpenToAppend(path_);
  if (file.number() < 0) return;  // goes on with the one that there was
  file_ = std::move(file);
  torn_ = false;
}

int LogFile::Write(std::string_view text) {
  if (torn_) {
    const ssize_t ended = write(file_.number(), "\n", 1);
    if (ended != 1) return ended < 0 ? errno : EIO;
    torn_ = false;
  }
  while (!text.empty()) {
    const ssize_t written = write(file_.number(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    torn_ = written > 0 && text[static_cast<std::size_t>(written) - 1] != '\n';
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace descent::ops
