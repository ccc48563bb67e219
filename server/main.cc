#include "server/descentd.h"

int main(int argc, char** argv) {
  return descent::RunDescentd(argc, argv, descent::store::OpenSqliteStore);
}
