// The server, with the store that acknowledges too early.

#include "server/descentd.h"
#include "tests/crash/early_store.h"

int main(int argc, char** argv) {
  return descent::RunDescentd(argc, argv, descent::crash::OpenEarlyStore);
}
