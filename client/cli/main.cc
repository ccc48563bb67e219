// The program `descent`.

#include <string>

#include "client/cli/application.h"
#include "version/version.h"

int main(int argc, char** argv) {
  const std::string version = std::string("descent ") + descent::kVersion + " (" +
                              descent::kCommit + ", " + descent::kCompiler + ")";
  return descent::cli::RunApplication(argc, argv, version);
}
