#include "client/cli/commands/interrupt.h"

#include <csignal>

namespace descent::cli {
namespace {

volatile std::sig_atomic_t signal_received = 0;

void OnSignal(int number) { signal_received = number; }

void Install(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;  // once
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  signal_received = 0;
  Install(OnSignal);
}

InterruptGuard::~InterruptGuard() { Install(SIG_DFL); }

bool InterruptGuard::interrupted() const { return signal_received != 0; }

}  // namespace descent::cli
