#include "client/cli/arrays/zip_archive.h"

#include <minizip/unzip.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

// A place in a file, for minizip to read from.
struct Cursor {
  const DiskFile* file = nullptr;
  int64_t at = 0;
  bool failed = false;
};

uLong ReadAtCursor(voidpf /*opaque*/, voidpf stream, void* to, uLong bytes) {
  auto* cursor = static_cast<Cursor*>(stream);
  const absl::StatusOr<size_t> count =
      cursor->file->Read(cursor->at, static_cast<char*>(to), bytes);
  cursor->failed = cursor->failed || !count.ok();
  if (!count.ok()) return 0;
  cursor->at += static_cast<int64_t>(*count);
  return static_cast<uLong>(*count);
}

long MoveCursor(voidpf /*opaque*/, voidpf stream, ZPOS64_T offset, int origin) {
  auto* cursor = static_cast<Cursor*>(stream);
  int64_t from = 0;
  if (origin == ZLIB_FILEFUNC_SEEK_CUR) from = cursor->at;
  if (origin == ZLIB_FILEFUNC_SEEK_END) from = cursor->file->size();
  // Lengths in a damaged archive may be anything.
  if (offset > static_cast<ZPOS64_T>(cursor->file->size() - std::min(from, cursor->file->size()))) {
    return -1;
  }
  cursor->at = from + static_cast<int64_t>(offset);
  return 0;
}

zlib_filefunc64_def FunctionsOf(Cursor* cursor) {
  zlib_filefunc64_def functions = {};
  functions.opaque = cursor;
  functions.zopen64_file = [](voidpf opaque, const void* /*name*/, int /*mode*/) { return opaque; };
  functions.zread_file = ReadAtCursor;
  functions.ztell64_file = [](voidpf /*opaque*/, voidpf stream) {
    return static_cast<ZPOS64_T>(static_cast<Cursor*>(stream)->at);
  };
  functions.zseek64_file = MoveCursor;
  functions.zclose_file = [](voidpf /*opaque*/, voidpf /*stream*/) { return 0; };
  functions.zerror_file = [](voidpf /*opaque*/, voidpf stream) {
    return static_cast<Cursor*>(stream)->failed ? 1 : 0;
  };
  return functions;
}

// An archive as minizip has it open; one at a time of its members.
class OpenArchive {
 public:
  explicit OpenArchive(std::shared_ptr<const DiskFile> file)
      : file_(std::move(file)), cursor_{file_.get()} {
    zlib_filefunc64_def functions = FunctionsOf(&cursor_);
    zip_ = unzOpen2_64(file_->name().c_str(), &functions);
  }
  ~OpenArchive() {
    if (zip_ != nullptr) unzClose(zip_);
  }
  OpenArchive(const OpenArchive&) = delete;
  OpenArchive& operator=(const OpenArchive&) = delete;

  unzFile get() const { return zip_; }

 private:
  const std::shared_ptr<const DiskFile> file_;
  Cursor cursor_;
  unzFile zip_ = nullptr;
};

class MemberStream final : public ByteStream {
 public:
  MemberStream(std::shared_ptr<const DiskFile> file, std::string name)
      : archive_(std::move(file)), name_(std::move(name)) {}

  absl::Status Begin(size_t member) {
    int result = archive_.get() == nullptr ? UNZ_BADZIPFILE : unzGoToFirstFile(archive_.get());
    for (size_t i = 0; result == UNZ_OK && i < member; ++i) {
      result = unzGoToNextFile(archive_.get());
    }
    unz_file_info64 info = {};
    if (result == UNZ_OK) {
      result = unzGetCurrentFileInfo64(archive_.get(), &info, nullptr, 0, nullptr, 0, nullptr, 0);
    }
    if (result != UNZ_OK) return Damaged();
    if ((info.flag & 1) != 0) return DataError({name_}, "it is encrypted in its archive");
    if (info.compression_method != 0 && info.compression_method != Z_DEFLATED) {
      return DataError({name_}, "it is packed in its archive by something else than deflate");
    }
    return unzOpenCurrentFile(archive_.get()) == UNZ_OK ? absl::OkStatus() : Damaged();
  }

  absl::StatusOr<size_t> Read(char* to, size_t bytes) override {
    constexpr size_t kMostAtOnce = 1 << 20;
    size_t done = 0;
    while (done < bytes && !ended_) {
      const size_t wanted = std::min(bytes - done, kMostAtOnce);
      const int count =
          unzReadCurrentFile(archive_.get(), to + done, static_cast<unsigned>(wanted));
      if (count < 0) return Damaged();
      done += static_cast<size_t>(count);
      if (count > 0) continue;
      ended_ = true;
      // Only now is it known whether the checksum is right.
      if (unzCloseCurrentFile(archive_.get()) != UNZ_OK) return Damaged();
    }
    return done;
  }

 private:
  absl::Status Damaged() const { return DataError({name_}, "the ZIP archive is damaged"); }

  const OpenArchive archive_;
  const std::string name_;
  bool ended_ = false;
};

}  // namespace

absl::StatusOr<ZipArchive> ZipArchive::Open(std::shared_ptr<const DiskFile> file,
                                            size_t max_members) {
  ZipArchive archive(std::move(file));
  const OpenArchive open(archive.file_);
  const std::string& name = archive.file_->name();
  const auto damaged = [&name] { return DataError({name}, "the ZIP archive is damaged"); };
  unz_global_info64 info = {};
  if (open.get() == nullptr || unzGetGlobalInfo64(open.get(), &info) != UNZ_OK) return damaged();
  if (info.number_entry > max_members) {
    return DataError(
        {name},
        absl::StrCat(
            "it holds ",
            FormatCount(static_cast<int64_t>(std::min<uint64_t>(info.number_entry, INT64_MAX))),
            " arrays, and at most ", max_members, " are read; put columns together in one"));
  }
  for (size_t i = 0; i < info.number_entry; ++i) {
    const int moved = i == 0 ? unzGoToFirstFile(open.get()) : unzGoToNextFile(open.get());
    constexpr size_t kMaxName = 65536;
    std::string member(kMaxName, '\0');
    unz_file_info64 file_info = {};
    if (moved != UNZ_OK ||
        unzGetCurrentFileInfo64(open.get(), &file_info, member.data(), member.size() - 1, nullptr,
                                0, nullptr, 0) != UNZ_OK) {
      return damaged();
    }
    member.resize(std::min<size_t>(file_info.size_filename, kMaxName - 1));
    archive.members_.push_back(std::move(member));
    archive.members_.back().shrink_to_fit();
  }
  return archive;
}

absl::StatusOr<std::unique_ptr<ByteStream>> ZipArchive::OpenMember(size_t member,
                                                                   std::string name) const {
  auto stream = std::make_unique<MemberStream>(file_, std::move(name));
  RETURN_IF_ERROR(stream->Begin(member));
  return stream;
}

}  // namespace descent::cli
