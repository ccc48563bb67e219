#include "client/cli/text/byte_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "client/cli/failure.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;
constexpr char kGzipMagic[] = "\x1F\x8B";

absl::Status ReadError(const std::string& name) {
  return DataError({name}, std::generic_category().message(errno));
}

}  // namespace

void ByteInput::InflaterDeleter::operator()(z_stream* stream) const {
  inflateEnd(stream);
  delete stream;
}

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
  begun_ = member_ended_ = false;
  raw_.clear();
  inflater_.reset();
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
  if (inflater_ != nullptr) return Inflate(piece);
  ASSIGN_OR_RETURN(bool any, ReadRaw(piece));
  if (begun_ || !any) return any;
  begun_ = true;
  std::string more;
  while (any && piece->size() < 2) {  // a pipe may give a byte at a time
    ASSIGN_OR_RETURN(any, ReadRaw(&more));
    piece->append(more);
  }
  if (!absl::StartsWith(*piece, kGzipMagic)) return true;
  constexpr int kGzipOfAnyWindow = 15 + 16;
  auto stream = std::make_unique<z_stream>();
  if (inflateInit2(stream.get(), kGzipOfAnyWindow) != Z_OK) {
    return DataError({name_}, "no memory to decompress it");
  }
  inflater_.reset(stream.release());
  raw_ = std::move(*piece);
  return Inflate(piece);
}

absl::StatusOr<bool> ByteInput::Inflate(std::string* piece) {
  std::string inflated(kPieceBytes, '\0');
  size_t consumed = 0;  // of raw_
  z_stream* stream = inflater_.get();
  while (true) {
    if (consumed == raw_.size()) {
      consumed = 0;
      ASSIGN_OR_RETURN(const bool any, ReadRaw(&raw_));
      if (!any && member_ended_) return false;
      if (!any) return DataError({name_}, "the gzip file is cut short");
    }
    if (member_ended_) {
      // Another member, or the zeros with which tapes fill their blocks.
      if (raw_[consumed] == '\0') {
        ++consumed;
        continue;
      }
      if (inflateReset(stream) != Z_OK) return DataError({name_}, "can't be decompressed");
      member_ended_ = false;
    }
    stream->next_in = reinterpret_cast<Bytef*>(raw_.data() + consumed);
    stream->avail_in = static_cast<uInt>(raw_.size() - consumed);
    stream->next_out = reinterpret_cast<Bytef*>(inflated.data());
    stream->avail_out = static_cast<uInt>(inflated.size());
    const int result = inflate(stream, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      return DataError({name_}, "the gzip file is damaged");
    }
    member_ended_ = result == Z_STREAM_END;
    consumed = raw_.size() - stream->avail_in;
    const size_t produced = inflated.size() - stream->avail_out;
    if (produced == 0) continue;
    raw_.erase(0, consumed);
    inflated.resize(produced);
    *piece = std::move(inflated);
    return true;
  }
}

}  // namespace descent::cli
