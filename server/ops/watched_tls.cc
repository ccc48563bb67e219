#include "server/ops/watched_tls.h"

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "absl/base/const_init.h"
#include "absl/synchronization/mutex.h"
#include "clock/steady.h"

namespace descent::ops {
namespace {

// The last that were given. Replaced whole; all of them are kept, for connections that begin read
// one at any time.
std::atomic<const FrameLimits*> last_limits = nullptr;

std::atomic<std::int64_t> failed_handshakes = 0;

const FrameLimits* Keep(const FrameLimits& given) {
  static absl::Mutex mutex(absl::kConstInit);
  static auto* const kept = new std::deque<FrameLimits>;
  const absl::MutexLock lock(&mutex);
  return &kept->emplace_back(given);
}

void DeleteFilter(void* /*parent*/, void* filter, CRYPTO_EX_DATA* /*data*/, int /*index*/,
                  long /*argl*/, void* /*argp*/) {  // NOLINT(google-runtime-int): OpenSSL's
  delete static_cast<FrameFilter*>(filter);
}

// Where a connection has its filter, which goes with it.
int FilterIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, DeleteFilter);
  return index;
}

// Where a connection says that it is to be left alone.
int UnwatchedIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// The filter of a server's connection, made with its first bytes; null where there is none.
FrameFilter* FilterOf(SSL* connection) {
  const FrameLimits* const watched = last_limits.load(std::memory_order_acquire);
  if (watched == nullptr || SSL_is_server(connection) == 0) return nullptr;
  if (SSL_get_ex_data(connection, UnwatchedIndex()) != nullptr) return nullptr;
  if (void* const found = SSL_get_ex_data(connection, FilterIndex())) {
    return static_cast<FrameFilter*>(found);
  }
  auto made = std::make_unique<FrameFilter>(*watched);
  if (SSL_set_ex_data(connection, FilterIndex(), made.get()) != 1) return nullptr;
  return made.release();
}

}  // namespace

void WatchTls(const FrameLimits& limits) {
  last_limits.store(Keep(limits), std::memory_order_release);
}

bool LeaveUnwatched(SSL* connection) {
  return SSL_set_ex_data(connection, UnwatchedIndex(), connection) == 1;
}

std::int64_t FailedHandshakes() { return failed_handshakes.load(std::memory_order_relaxed); }

}  // namespace descent::ops

// OpenSSL's own names.

extern "C" int SSL_do_handshake(SSL* s) {
  using Handshake = int (*)(SSL*);
  static const auto handshake = reinterpret_cast<Handshake>(dlsym(RTLD_NEXT, "SSL_do_handshake"));
  const int result = handshake(s);
  if (result != 1 && SSL_is_server(s) != 0 && SSL_get_error(s, result) == SSL_ERROR_SSL) {
    descent::ops::failed_handshakes.fetch_add(1, std::memory_order_relaxed);
  }
  return result;
}

extern "C" int SSL_read(SSL* ssl, void* buf, int num) {
  std::size_t read = 0;
  if (num < 0 || SSL_read_ex(ssl, buf, static_cast<std::size_t>(num), &read) != 1) {
    return -1;  // SSL_get_error says why
  }
  descent::ops::FrameFilter* const filter = descent::ops::FilterOf(ssl);
  if (filter == nullptr || filter->Take(buf, read, descent::SteadyNow())) {
    return static_cast<int>(read);
  }
  ERR_raise(ERR_LIB_USER, ERR_R_PASSED_INVALID_ARGUMENT);  // for SSL_get_error
  return -1;
}
