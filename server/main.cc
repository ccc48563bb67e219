#ifdef DESCENT_MIMALLOC
#include <mimalloc.h>
#endif

#include "absl/synchronization/mutex.h"
#include "server/descentd.h"
#include "server/store/sqlite/sqlite_store.h"

int main(int argc, char** argv) {
#ifdef NDEBUG
  // Debian's Abseil, which gRPC locks with too, looks for deadlocks at every lock as a debug build
  // does: 4 % of the server's time on a training stream.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
#ifdef DESCENT_MIMALLOC
  // How long free memory is kept before the system gets it back, in milliseconds, unless the
  // environment says so. mimalloc's 25 (its version 3: 100) would give back the memory of a
  // stream's large messages between one and the next.
#if MI_MALLOC_VERSION >= 300
  mi_option_set_default(mi_option_purge_delay, 1000);
  mi_option_set_default(mi_option_arena_purge_mult, 1);  // of that delay
#else
  mi_option_set_default(mi_option_decommit_delay, 1000);
#endif
#endif
  return descent::RunDescentd(argc, argv, descent::store::OpenSqliteStore);
}
