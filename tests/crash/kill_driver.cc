// Kills the real server at random moments, also while it starts and recovers, and looks whether
// anything acknowledged is lost or anything is applied twice.
//
//   kill_driver DESCENTD [--kills N] [--seed S] [--expect-loss]
//
// The seed decides when the server is killed; what that meets is up to the machine, so a failure
// may take several runs to come again. Exit status: 0 when nothing is lost (with --expect-loss, for
// a server that acknowledges too early: when the loss is found), 1 otherwise.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/crash/kill_traffic.h"
#include "tests/crash/temporary_directory.h"
#include "tests/support/process.h"

namespace descent::crash {
namespace {

struct Options {
  std::string descentd;
  int kills = 25;
  std::uint64_t seed = std::random_device()();
  bool expect_loss = false;
};

// Longest time that a server lives once it serves.
constexpr absl::Duration kLongestLife = absl::Milliseconds(500);

class KillDriver {
 public:
  explicit KillDriver(const Options& options) : options_(options), random_(options.seed) {
    for (TrafficModel& model : MakeTrafficModels()) {
      models_.push_back(std::make_unique<KillTraffic>(std::move(model)));
    }
  }

  int Run() {
    std::cout << "seed " << options_.seed << std::endl;
    const absl::Time begin = absl::Now();
    while (problems_.empty() && kills_ < options_.kills) {
      ++kills_;
      if (random_() % 4 == 0) {
        KillWhileStarting();
      } else {
        KillWhileServing();
      }
    }
    if (problems_.empty()) StopInOrder(absl::Milliseconds(200));
    if (problems_.empty()) StopInOrder(absl::ZeroDuration());
    std::int64_t updates = 0;
    for (const auto& model : models_) updates += model->updates();
    for (const std::string& problem : problems_) std::cout << "  " << problem << "\n";
    std::cout << kills_ << " kills, " << kills_while_starting_ << " of them while starting; "
              << updates << " updates; " << problems_.size() << " problems, in "
              << absl::FormatDuration(absl::Floor(absl::Now() - begin, absl::Milliseconds(100)))
              << std::endl;
    if (!problems_.empty()) std::cout << "repeat with --seed " << options_.seed << std::endl;
    const bool has_loss = std::ranges::any_of(
        problems_, [](const std::string& problem) { return absl::StrContains(problem, kLoss); });
    return (options_.expect_loss ? has_loss : problems_.empty()) ? 0 : 1;
  }

 private:
  std::unique_ptr<testing::Process> Start() const {
    return std::make_unique<testing::Process>(std::vector<std::string>{
        options_.descentd, "--listen=127.0.0.1:0", absl::StrCat("--data-dir=", directory_.path()),
        "--checkpoint-journal-mib=1", "--checkpoint-interval=1", "--log-level=warning"});
  }

  absl::Duration Draw(absl::Duration longest) {
    return longest * std::uniform_real_distribution<double>(0, 1)(random_);
  }

  void KillWhileStarting() {
    ++kills_while_starting_;
    const auto server = Start();
    absl::SleepFor(Draw(longest_start_));
    server->Signal(SIGKILL);
    const int code = server->Wait();
    if (code != -SIGKILL) Report(*server, absl::StrCat("ended by itself, with ", code));
  }

  void KillWhileServing() {
    Serve([this](testing::Process& server, ServerLife& life) {
      absl::SleepFor(Draw(kLongestLife));
      life.killed = true;
      server.Signal(SIGKILL);
      const int code = server.Wait();
      if (code != -SIGKILL) Report(server, absl::StrCat("ended by itself, with ", code));
    });
  }

  // Lets the clients finish, and the server end as it should.
  void StopInOrder(absl::Duration life_time) {
    const auto end = [&](testing::Process& /*server*/, ServerLife& life) {
      absl::SleepFor(life_time);
      life.stop = true;
    };
    const auto server = Serve(end);
    if (server == nullptr) return;
    server->Signal(SIGTERM);
    const int code = server->Wait();
    if (code != 0) Report(*server, absl::StrCat("stopped with ", code));
  }

  // Starts a server and its clients, and calls `end` to bring both to an end. Null if it does not
  // start.
  template <typename End>
  std::unique_ptr<testing::Process> Serve(End end) {
    const absl::Time begin = absl::Now();
    auto server = Start();
    ServerLife life;
    life.address = server->AwaitLine("listening on ");
    longest_start_ = std::max(longest_start_, absl::Now() - begin);
    if (life.address.empty()) {
      Report(*server, "does not start");
      return nullptr;
    }
    std::vector<std::thread> clients;
    for (const auto& model : models_) {
      clients.emplace_back([&life, &model] { model->Run(&life); });
    }
    end(*server, life);
    for (std::thread& client : clients) client.join();
    bool is_sound = true;
    for (const auto& model : models_) {
      for (const std::string& problem : model->problems()) {
        problems_.push_back(absl::StrCat("after ", kills_, " kills, ", problem));
        is_sound = false;
      }
    }
    if (!is_sound) Report(*server, "the server said:");
    return server;
  }

  void Report(const testing::Process& server, const std::string& what) {
    const std::string log = server.ErrorOutput();
    constexpr std::size_t kMost = 2000;
    problems_.push_back(
        absl::StrCat(what, "\n", log.size() <= kMost ? log : log.substr(log.size() - kMost)));
  }

  const Options options_;
  const TemporaryDirectory directory_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<KillTraffic>> models_;
  absl::Duration longest_start_ = absl::Milliseconds(50);
  int kills_ = 0;
  int kills_while_starting_ = 0;
  std::vector<std::string> problems_;
};

}  // namespace
}  // namespace descent::crash

int main(int argc, char** argv) {
  descent::crash::Options options;
  CLI::App app{"Kills a server at random moments, and looks for losses."};
  app.add_option("descentd", options.descentd, "The server's program")->required();
  app.add_option("--kills", options.kills, "How often to kill it");
  app.add_option("--seed", options.seed, "Decides when");
  app.add_flag("--expect-loss", options.expect_loss,
               "The server acknowledges too early: expect that to be found");
  CLI11_PARSE(app, argc, argv);
  return descent::crash::KillDriver(options).Run();
}
