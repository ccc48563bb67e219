// Checks a data directory that no server has open.

#ifndef SERVER_VERIFY_H_
#define SERVER_VERIFY_H_

#include <ostream>

#include "server/open_store.h"
#include "server/options.h"

namespace descent {

// Recovers every model as a server would, compares hashes, reads every checkpoint, and changes
// nothing. A line for each model and one for the whole go to `output`, what is wrong with the
// directory itself to `errors`. Returns kExitOk, kExitDamaged or kExitBadDataDirectory.
int VerifyDirectory(const Verify& verify, OpenStore open_store, std::ostream* output,
                    std::ostream* errors);

}  // namespace descent

#endif  // SERVER_VERIFY_H_
