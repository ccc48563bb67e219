#include "client/cli/text/unpacker.h"

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "absl/strings/match.h"

namespace descent::cli {
namespace {

class GzipUnpacker final : public Unpacker {
 public:
  ~GzipUnpacker() override { inflateEnd(&stream_); }

  bool Begin() {
    constexpr int kGzipOfAnyWindow = 15 + 16;
    return inflateInit2(&stream_, kGzipOfAnyWindow) == Z_OK;
  }

  const char* name() const override { return "gzip"; }

  Step Unpack(absl::string_view packed, absl::Span<char> unpacked) override {
    // zlib does not write to it.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream_.avail_in = static_cast<uInt>(packed.size());
    stream_.next_out = reinterpret_cast<Bytef*>(unpacked.data());
    stream_.avail_out = static_cast<uInt>(unpacked.size());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    Step step;
    step.consumed = packed.size() - stream_.avail_in;
    step.produced = unpacked.size() - stream_.avail_out;
    step.ended = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      step.fault = "is damaged";
    }
    return step;
  }

  bool Restart() override { return inflateReset(&stream_) == Z_OK; }

 private:
  z_stream stream_ = {};
};

class ZstdUnpacker final : public Unpacker {
 public:
  ZstdUnpacker() : stream_(ZSTD_createDStream()) {}
  ~ZstdUnpacker() override { ZSTD_freeDStream(stream_); }
  ZstdUnpacker(const ZstdUnpacker&) = delete;
  ZstdUnpacker& operator=(const ZstdUnpacker&) = delete;

  bool Begin() { return stream_ != nullptr; }

  const char* name() const override { return "zstd"; }

  Step Unpack(absl::string_view packed, absl::Span<char> unpacked) override {
    ZSTD_inBuffer in = {packed.data(), packed.size(), 0};
    ZSTD_outBuffer out = {unpacked.data(), unpacked.size(), 0};
    const size_t result = ZSTD_decompressStream(stream_, &out, &in);
    Step step;
    step.consumed = in.pos;
    step.produced = out.pos;
    if (ZSTD_isError(result) == 0) {
      step.ended = result == 0;
    } else {
      step.fault = ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge
                       ? "was made with --long, and needs more memory than descent gives it; pipe "
                         "it in with zstd -dc --long=31"
                       : "is damaged";
    }
    return step;
  }

  bool Restart() override {
    return ZSTD_isError(ZSTD_DCtx_reset(stream_, ZSTD_reset_session_only)) == 0;
  }

 private:
  ZSTD_DStream* stream_;
};

// zstd's own, and of its frames that hold no content, which other tools put first.
bool IsZstd(absl::string_view beginning) {
  const bool skippable = beginning.size() >= 4 && (beginning[0] & '\xF0') == '\x50' &&
                         absl::StartsWith(beginning.substr(1), "\x2A\x4D\x18");
  return skippable || absl::StartsWith(beginning, "\x28\xB5\x2F\xFD");
}

template <typename Kind>
std::unique_ptr<Unpacker> BeginUnpacking(bool* no_memory) {
  auto unpacker = std::make_unique<Kind>();
  *no_memory = !unpacker->Begin();
  if (*no_memory) return nullptr;
  return unpacker;
}

}  // namespace

std::unique_ptr<Unpacker> Unpacker::For(absl::string_view beginning, bool* no_memory) {
  *no_memory = false;
  if (absl::StartsWith(beginning, "\x1F\x8B")) return BeginUnpacking<GzipUnpacker>(no_memory);
  if (IsZstd(beginning)) return BeginUnpacking<ZstdUnpacker>(no_memory);
  return nullptr;
}

}  // namespace descent::cli
