#include "client/cli/text/byte_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/cli/failure.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;

absl::Status ReadError(const std::string& name) {
  return DataError({name}, std::generic_category().message(errno));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ByteInput>> ByteInput::Open(const std::string& path,
                                                           const std::string& name) {
  const int descriptor = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return ReadError(name);
  std::unique_ptr<ByteInput> input(new ByteInput(descriptor, name));
  struct stat status = {};
  if (fstat(descriptor, &status) != 0) return ReadError(name);
  if (S_ISDIR(status.st_mode)) {
    errno = EISDIR;
    return ReadError(name);
  }
  if (S_ISREG(status.st_mode)) input->start_ = lseek(descriptor, 0, SEEK_CUR);
  return input;
}

ByteInput::ByteInput(int descriptor, std::string name)
    : descriptor_(descriptor), name_(std::move(name)) {}

ByteInput::~ByteInput() {
  if (descriptor_ != STDIN_FILENO) close(descriptor_);
}

absl::Status ByteInput::Rewind() {
  if (lseek(descriptor_, start_, SEEK_SET) < 0) return ReadError(name_);
  begun_ = member_ended_ = pending_ = false;
  raw_.clear();
  unpacker_.reset();
  return absl::OkStatus();
}

absl::StatusOr<bool> ByteInput::ReadRaw(std::string* piece) {
  piece->resize(kPieceBytes);
  while (true) {
    const ssize_t count = read(descriptor_, piece->data(), piece->size());
    if (count < 0 && errno == EINTR) continue;
    piece->resize(count > 0 ? static_cast<size_t>(count) : 0);
    if (count < 0) return ReadError(name_);
    return count > 0;
  }
}

absl::StatusOr<bool> ByteInput::Read(std::string* piece) {
  if (unpacker_ != nullptr) return Unpack(piece);
  ASSIGN_OR_RETURN(bool any, ReadRaw(piece));
  if (begun_ || !any) return any;
  begun_ = true;
  constexpr size_t kLongestSign = 4;
  std::string more;
  while (any && piece->size() < kLongestSign) {  // a pipe may give a byte at a time
    ASSIGN_OR_RETURN(any, ReadRaw(&more));
    piece->append(more);
  }
  bool no_memory = false;
  unpacker_ = Unpacker::For(*piece, &no_memory);
  if (no_memory) return DataError({name_}, "no memory to decompress it");
  if (unpacker_ == nullptr) return true;
  raw_ = std::move(*piece);
  return Unpack(piece);
}

absl::Status ByteInput::Fault(const char* what) const {
  return DataError({name_}, absl::StrCat("the ", unpacker_->name(), " file ", what));
}

absl::StatusOr<bool> ByteInput::Unpack(std::string* piece) {
  std::string unpacked(kPieceBytes, '\0');
  size_t consumed = 0;  // of raw_
  while (true) {
    if (consumed == raw_.size() && !pending_) {
      consumed = 0;
      ASSIGN_OR_RETURN(const bool any, ReadRaw(&raw_));
      if (!any && member_ended_) return false;
      if (!any) return Fault("is cut short");
    }
    if (member_ended_ && consumed < raw_.size()) {
      // Another member, or the zeros with which tapes fill their blocks.
      if (raw_[consumed] == '\0') {
        ++consumed;
        continue;
      }
      if (!unpacker_->Restart()) return Fault("can't be decompressed");
      member_ended_ = false;
    }
    const Unpacker::Step step = unpacker_->Unpack(absl::string_view(raw_).substr(consumed),
                                                  absl::MakeSpan(unpacked.data(), unpacked.size()));
    if (step.fault != nullptr) return Fault(step.fault);
    member_ended_ = step.ended;
    pending_ = !step.ended && step.produced == unpacked.size();
    consumed += step.consumed;
    if (step.produced == 0) continue;
    raw_.erase(0, consumed);
    unpacked.resize(step.produced);
    *piece = std::move(unpacked);
    return true;
  }
}

}  // namespace descent::cli
