// One run of the script with one fault, what ends it, and whether everything is there afterwards.
//
// 1. The script is played on a fresh disk that fails as the case says.
// 2. The server ends: by a power cut, a kill, or in order.
// 3. In some cases it recovers on a disk that fails as well, and ends again.
// 4. It recovers without faults. Each model has to be as the undisturbed run has it after some
// number
//    of actions: at least those that its durability promises to keep, at most those that were sent.
// 5. The script goes on behind what was recovered, some actions before that sent again. Repeats
// have
//    to be answered as such.
// 6. The power is cut, the server recovers once more, and everything has to be as the undisturbed
// run
//    left it.

#ifndef TESTS_CRASH_FAULT_CASE_H_
#define TESTS_CRASH_FAULT_CASE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/crash/fault_run.h"
#include "tests/crash/simulated_disk.h"

namespace descent::crash {

struct FaultCase {
  Fault fault;
  Ending ending = Ending::kPowerCut;
  std::optional<Fault> recovery_fault;
  // Actions in flight, of one model and in all. 1: each run has the same operations.
  std::size_t in_flight = 1;
};

// "error@17+/stop/power-cut@3/4": fault, ending, recovery's fault or "none", actions in flight.
std::ostream& operator<<(std::ostream& out, const FaultCase& fault_case);
absl::StatusOr<FaultCase> ParseFaultCase(const std::string& text);

// What was found wrong; empty if nothing was. `seed` decides what a power cut keeps.
std::vector<Problem> RunFaultCase(const FaultSetting& setting, const FaultCase& fault_case,
                                  std::uint64_t seed);

// The operations of an undisturbed run, and of a recovery behind a power cut at its end.
struct CountedOperations {
  std::vector<Operation> run;
  std::vector<Operation> recovery;
};
CountedOperations CountOperations(const FaultSetting& setting, std::size_t in_flight);

}  // namespace descent::crash

#endif  // TESTS_CRASH_FAULT_CASE_H_
