#include "client/cli/results/packer.h"

#include <zlib.h>
#include <zstd.h>

#include <array>

namespace descent::cli {
namespace {

constexpr size_t kPackedBytes = 16 * 1024;

class GzipPacker final : public Packer {
 public:
  ~GzipPacker() override { deflateEnd(&stream_); }

  bool Begin() {
    constexpr int kGzip = 15 + 16;
    constexpr int kUsualMemory = 8;
    return deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, kUsualMemory,
                        Z_DEFAULT_STRATEGY) == Z_OK;
  }

  bool Pack(absl::string_view bytes, bool last, std::string* packed) override {
    std::array<char, kPackedBytes> buffer;
    // zlib does not write to it.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    while (true) {
      stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream_.avail_out = static_cast<uInt>(buffer.size());
      const int result = deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
      packed->append(buffer.data(), buffer.size() - stream_.avail_out);
      if (result == Z_STREAM_END) return true;
      if (result != Z_OK && result != Z_BUF_ERROR) return false;
      if (!last && stream_.avail_out > 0) return true;
    }
  }

 private:
  z_stream stream_ = {};
};

class ZstdPacker final : public Packer {
 public:
  ZstdPacker() : context_(ZSTD_createCCtx()) {}
  ~ZstdPacker() override { ZSTD_freeCCtx(context_); }
  ZstdPacker(const ZstdPacker&) = delete;
  ZstdPacker& operator=(const ZstdPacker&) = delete;

  bool Begin() {
    return context_ != nullptr &&
           ZSTD_isError(ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1)) == 0;
  }

  bool Pack(absl::string_view bytes, bool last, std::string* packed) override {
    std::array<char, kPackedBytes> buffer;
    ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
    while (true) {
      ZSTD_outBuffer out = {buffer.data(), buffer.size(), 0};
      const size_t left =
          ZSTD_compressStream2(context_, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left) != 0) return false;
      packed->append(buffer.data(), out.pos);
      if (last ? left == 0 : in.pos == in.size) return true;
    }
  }

 private:
  ZSTD_CCtx* context_;
};

template <typename Kind>
std::unique_ptr<Packer> BeginPacking() {
  auto packer = std::make_unique<Kind>();
  if (!packer->Begin()) return nullptr;
  return packer;
}

}  // namespace

std::unique_ptr<Packer> Packer::Create(Compression compression) {
  if (compression == Compression::kGzip) return BeginPacking<GzipPacker>();
  return BeginPacking<ZstdPacker>();
}

}  // namespace descent::cli
