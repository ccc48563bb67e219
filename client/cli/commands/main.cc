// The program `descent`.

#include <string>

#include "absl/synchronization/mutex.h"
#include "client/cli/commands/application.h"
#include "version/version.h"

int main(int argc, char** argv) {
#ifdef NDEBUG
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // see server/main.cc
#endif
  const std::string version = std::string("descent ") + descent::kVersion + " (" +
                              descent::kCommit + ", " + descent::kCompiler + ")";
  return descent::cli::RunApplication(argc, argv, version);
}
