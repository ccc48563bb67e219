// Ctrl-C as a request to end in order.

#ifndef CLIENT_CLI_COMMANDS_INTERRUPT_H_
#define CLIENT_CLI_COMMANDS_INTERRUPT_H_

namespace descent::cli {

// While one exists, the first SIGINT or SIGTERM is only taken note of; a second one ends the
// process as ever. At most one at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool interrupted() const;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_INTERRUPT_H_
