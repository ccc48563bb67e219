// The program: options -> wired objects -> a server, until a signal ends it.

#ifndef SERVER_DESCENTD_H_
#define SERVER_DESCENTD_H_

#include "server/open_store.h"

namespace descent {

// Returns the exit status, see server/options.h.
int RunDescentd(int argc, const char* const* argv, OpenStore open_store);

}  // namespace descent

#endif  // SERVER_DESCENTD_H_
