#include "absl/synchronization/mutex.h"
#include "server/descentd.h"

int main(int argc, char** argv) {
#ifdef NDEBUG
  // Debian's Abseil, which gRPC locks with too, looks for deadlocks at every lock as a debug build
  // does: 4 % of the server's time on a training stream.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  return descent::RunDescentd(argc, argv, descent::store::OpenSqliteStore);
}
