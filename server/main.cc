#include "absl/synchronization/mutex.h"
#include "server/descentd.h"

int main(int argc, char** argv) {
#ifdef NDEBUG
  // Debian's Abseil, which gRPC locks with too, looks for deadlocks at every lock as a debug build
  // does: a twentieth of a training stream's time.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  return descent::RunDescentd(argc, argv, descent::store::OpenSqliteStore);
}
