// Which build this is.

#ifndef VERSION_VERSION_H_
#define VERSION_VERSION_H_

namespace descent {

extern const char kVersion[];   // "0.1.0"
extern const char kCommit[];    // "9afce5cf6361", "9afce5cf6361-dirty", or "unknown" outside git
extern const char kCompiler[];  // "gcc 12.2.0"

}  // namespace descent

#endif  // VERSION_VERSION_H_
