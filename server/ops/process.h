// What the server asks of its process: file descriptors and signals.

#ifndef SERVER_OPS_PROCESS_H_
#define SERVER_OPS_PROCESS_H_

#include <cstdint>

namespace descent::ops {

// Raises the limit of open files as far as it goes and returns it. A server that runs out of
// descriptors in the middle of an accept stops listening (CVE-2023-4785).
std::int64_t RaiseOpenFileLimit();

// Keeps SIGINT and SIGTERM for AwaitStopSignal, and ignores SIGPIPE and SIGHUP: who sends that has
// changed a file or moved a log away, which is seen without it. Call before the first thread is
// started: threads inherit it.
void BlockStopSignals();

// Waits for SIGINT or SIGTERM and returns which.
int AwaitStopSignal();

// From now on SIGINT and SIGTERM end the process at once. For the calling thread and those it
// starts.
void UnblockStopSignals();

}  // namespace descent::ops

#endif  // SERVER_OPS_PROCESS_H_
