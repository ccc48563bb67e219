#include "server/ops/watched_tls.h"

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>

#include "absl/base/const_init.h"
#include "absl/synchronization/mutex.h"
#include "clock/steady.h"
#include "server/ops/frame_filter.h"
#include "server/ops/goodbye.h"

namespace descent::ops {
namespace {

// The last that were given. Replaced whole; all of them are kept, for connections that begin read
// one at any time.
std::atomic<const Watch*> last_watch = nullptr;

std::atomic<std::int64_t> failed_handshakes = 0;

const Watch* Keep(const Watch& given) {
  static absl::Mutex mutex(absl::kConstInit);
  static auto* const kept = new std::deque<Watch>;
  const absl::MutexLock lock(&mutex);
  return &kept->emplace_back(given);
}

// What looks at a connection. One thread reads it at a time, and one writes it.
struct WatchedConnection {
  explicit WatchedConnection(const Watch& watch)
      : filter(watch.frames), goodbye(watch.is_leaving) {}
  FrameFilter filter;
  Goodbye goodbye;
};

void DeleteWatched(void* /*parent*/, void* watched, CRYPTO_EX_DATA* /*data*/, int /*index*/,
                   long /*argl*/, void* /*argp*/) {  // NOLINT(google-runtime-int): OpenSSL's
  delete static_cast<WatchedConnection*>(watched);
}

// Where a connection has it, and takes it along.
int WatchedIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, DeleteWatched);
  return index;
}

// Where a connection says that it is to be left alone.
int UnwatchedIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// Of a server's connection, made with its handshake or first bytes; null where there is none.
WatchedConnection* Find(SSL* connection) {
  const Watch* const watch = last_watch.load(std::memory_order_acquire);
  if (watch == nullptr || SSL_is_server(connection) == 0) return nullptr;
  if (SSL_get_ex_data(connection, UnwatchedIndex()) != nullptr) return nullptr;
  if (void* const found = SSL_get_ex_data(connection, WatchedIndex())) {
    return static_cast<WatchedConnection*>(found);
  }
  auto made = std::make_unique<WatchedConnection>(*watch);
  if (SSL_set_ex_data(connection, WatchedIndex(), made.get()) != 1) return nullptr;
  return made.release();
}

int Write(SSL* connection, const void* data, int size) {
  std::size_t written = 0;
  if (size < 0 || SSL_write_ex(connection, data, static_cast<std::size_t>(size), &written) != 1) {
    return -1;  // SSL_get_error says why
  }
  return static_cast<int>(written);
}

}  // namespace

void WatchTls(const Watch& watch) { last_watch.store(Keep(watch), std::memory_order_release); }

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
  descent::ops::WatchedConnection* const watched = descent::ops::Find(ssl);
  if (watched == nullptr || watched->filter.Take(buf, read, descent::SteadyNow())) {
    return static_cast<int>(read);
  }
  ERR_raise(ERR_LIB_USER, ERR_R_PASSED_INVALID_ARGUMENT);  // for SSL_get_error
  return -1;
}

// gRPC writes to memory, which takes all or, for too little of it, nothing.
extern "C" int SSL_write(SSL* ssl, const void* buf, int num) {
  descent::ops::WatchedConnection* const watched = descent::ops::Find(ssl);
  if (watched == nullptr) return descent::ops::Write(ssl, buf, num);
  const std::string_view due = watched->goodbye.Due();
  if (!due.empty()) {
    const int said = descent::ops::Write(ssl, due.data(), static_cast<int>(due.size()));
    if (said < 0) return -1;
    watched->goodbye.NoteSaid(static_cast<std::size_t>(said));
  }
  const int written = descent::ops::Write(ssl, buf, num);
  if (written > 0) watched->goodbye.NoteSent(buf, static_cast<std::size_t>(written));
  return written;
}
