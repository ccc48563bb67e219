// How much memory the process may have.

#ifndef SERVER_MACHINE_MEMORY_H_
#define SERVER_MACHINE_MEMORY_H_

#include <cstddef>
#include <string>

namespace descent {

// The machine's memory in bytes, or the least that any control group around the process allows
// (memory.max and memory.high of version 2, memory.limit_in_bytes of version 1, of the process's
// group and every one above it). What can't be read does not bound; 0 when nothing can. `root`: of
// the file system, for tests.
std::size_t MachineMemory(const std::string& root = "");

}  // namespace descent

#endif  // SERVER_MACHINE_MEMORY_H_
