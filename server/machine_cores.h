// How many processor cores the process may keep busy.

#ifndef SERVER_MACHINE_CORES_H_
#define SERVER_MACHINE_CORES_H_

#include <string>
#include <vector>

namespace descent {

// The processors (hardware threads) that the calling thread may run on.
std::vector<int> AllowedProcessors();

// The cores that `processors` belong to: two hardware threads of one core share its arithmetic
// units, so a second one that computes slows down the first. No more than the processor time that
// any control group around the process allows (cpu.max of version 2, cpu.cfs_quota_us of version
// 1), whole cores of it: one that is stopped halfway through a period would hold up all. At
// least 1. What can't be read does not bound. `root`: of the file system, for tests.
int MachineCores(const std::vector<int>& processors = AllowedProcessors(),
                 const std::string& root = "");

}  // namespace descent

#endif  // SERVER_MACHINE_CORES_H_
