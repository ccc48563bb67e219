#include "tests/support/process.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "absl/time/clock.h"
#include "core/check.h"

namespace descent::testing {
namespace {

std::string Contents(std::FILE* file) {
  std::string contents;
  char block[4096];
  ssize_t size;
  while ((size = pread(fileno(file), block, sizeof block, static_cast<off_t>(contents.size()))) >
         0) {
    contents.append(block, static_cast<std::size_t>(size));
  }
  return contents;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

int ExitCode(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

}  // namespace

Process::Process(const std::vector<std::string>& arguments,
                 const std::map<std::string, std::string>& environment)
    : output_(std::tmpfile()), error_output_(std::tmpfile()) {
  std::vector<std::string> argv = arguments;
  std::vector<std::string> envp = {std::string("PATH=") + std::getenv("PATH")};
  for (const auto& [name, value] : environment) envp.push_back(name + "=" + value);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(output_.get()), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fileno(error_output_.get()), STDERR_FILENO);
  DESCENT_CHECK(posix_spawnp(&pid_, argv[0].c_str(), &actions, nullptr, Pointers(argv).data(),
                             Pointers(envp).data()) == 0);
  posix_spawn_file_actions_destroy(&actions);
}

Process::~Process() {
  if (pid_ < 0) return;
  Signal(SIGKILL);
  Wait();
}

std::string Process::Output() const { return Contents(output_.get()); }

std::string Process::ErrorOutput() const { return Contents(error_output_.get()); }

std::string Process::AwaitLine(const std::string& prefix) {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (true) {
    const bool last_look = HasEnded() || absl::Now() > deadline;
    const std::string output = "\n" + Output();
    const std::size_t begin = output.find("\n" + prefix);
    if (begin != std::string::npos) {
      const std::size_t text = begin + 1 + prefix.size();
      const std::size_t end = output.find('\n', text);
      if (end != std::string::npos) return output.substr(text, end - text);
    }
    if (last_look) return "";
    absl::SleepFor(absl::Milliseconds(5));
  }
}

void Process::Signal(int signal) const { kill(pid_, signal); }

int Process::Wait() {
  if (pid_ >= 0) {
    waitpid(pid_, &status_, 0);
    pid_ = -1;
  }
  return ExitCode(status_);
}

bool Process::HasEnded() {
  if (pid_ >= 0 && waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
  return pid_ < 0;
}

}  // namespace descent::testing
