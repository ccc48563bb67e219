// Where a test finds files: the two trees. Functions rather than definitions on the command line,
// so that the tests' objects are the same in every checkout and a compiler cache can share them.

#ifndef TESTS_SUPPORT_PATHS_H_
#define TESTS_SUPPORT_PATHS_H_

#include <string>

namespace descent::testing {

std::string SourceDir();  // the repository
std::string BinaryDir();  // the build tree: programs lie in bin/

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_PATHS_H_
