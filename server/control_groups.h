// The control groups that bound what the process may have.

#ifndef SERVER_CONTROL_GROUPS_H_
#define SERVER_CONTROL_GROUPS_H_

#include <string>
#include <string_view>
#include <vector>

namespace descent {

// The directories of the process's own group and of every group above it, where the files of a
// controller ("memory", "cpu") may be, of both versions of control groups. A container sees its own
// group as the root while the process's path may be that of the machine, so some of them may not be
// there. `root`: of the file system, for tests.
std::vector<std::string> ControlGroupDirectories(std::string_view controller,
                                                 const std::string& root);

// The lines of a file, none if it can't be read.
std::vector<std::string> LinesOf(const std::string& path);

}  // namespace descent

#endif  // SERVER_CONTROL_GROUPS_H_
