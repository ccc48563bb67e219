// Fails every write, sync, truncation and opening of a scripted run, once and for ever, also during
// recovery, and looks whether anything acknowledged is lost or anything is applied twice.
//
//   fault_driver [--cases N | --all] [--seed S] [--case CASE] [--repeat N] [--expect-loss]
//
// Exit status: 0 when nothing is lost (with --expect-loss, where the store acknowledges too early:
// when the loss is found), 1 otherwise.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/crash/early_store.h"
#include "tests/crash/fault_case.h"
#include "tests/crash/temporary_directory.h"

namespace descent::crash {
namespace {

constexpr std::size_t kInFlight[] = {1, 4};
// Problems of one case, and failing cases, that are printed.
constexpr std::size_t kMostPrinted = 10;

struct Options {
  std::size_t cases = 1500;
  bool all = false;
  std::uint64_t seed = std::random_device()();
  std::string only;
  int repeat = 1;
  bool expect_loss = false;
};

void AddFaults(const std::vector<Operation>& operations, std::vector<Fault>* faults) {
  for (std::size_t i = 0; i < operations.size(); ++i) {
    for (const FaultKind kind : kAllFaultKinds) {
      if (!Fits(kind, operations[i])) continue;
      const auto at = static_cast<std::int64_t>(i) + 1;
      faults->push_back({kind, at, /*forever=*/false});
      if (!EndsTheProcess(kind)) faults->push_back({kind, at, /*forever=*/true});
    }
  }
}

// Every fault of the run with every ending; and every fault of a recovery, behind a power cut
// anywhere in the run.
std::vector<FaultCase> MakeCases(const FaultSetting& setting, std::mt19937_64* random) {
  std::vector<FaultCase> cases;
  for (const std::size_t in_flight : kInFlight) {
    const CountedOperations counted = CountOperations(setting, in_flight);
    std::cout << "with " << in_flight << " in flight: " << counted.run.size()
              << " operations of the run, " << counted.recovery.size() << " of a recovery\n";
    std::vector<Fault> faults;
    AddFaults(counted.run, &faults);
    for (const Fault& fault : faults) {
      for (const Ending ending : kAllEndings) {
        if (EndsTheProcess(fault.kind) && ending != Ending::kPowerCut) continue;
        cases.push_back({fault, ending, std::nullopt, in_flight});
      }
    }
    std::vector<Fault> recovery_faults;
    AddFaults(counted.recovery, &recovery_faults);
    for (const Fault& fault : recovery_faults) {
      const auto cut = static_cast<std::int64_t>((*random)() % counted.run.size());
      cases.push_back(
          {{FaultKind::kPowerCut, cut + 1, false}, Ending::kPowerCut, fault, in_flight});
    }
  }
  return cases;
}

struct Result {
  std::size_t failed = 0;
  std::size_t losses = 0;
};

Result RunCases(const FaultSetting& setting, const std::vector<FaultCase>& cases,
                const Options& options) {
  Result result;
  for (const FaultCase& fault_case : cases) {
    std::vector<Problem> problems;
    for (int i = 0; i < options.repeat && problems.empty(); ++i) {
      problems = RunFaultCase(setting, fault_case, options.seed + static_cast<std::uint64_t>(i));
    }
    if (problems.empty()) continue;
    const auto is_loss = [](const Problem& problem) { return problem.is_loss; };
    if (std::ranges::any_of(problems, is_loss)) ++result.losses;
    if (++result.failed > kMostPrinted) continue;
    std::cout << "FAILED " << fault_case << "\n";
    problems.resize(std::min(problems.size(), kMostPrinted));
    for (const Problem& problem : problems) std::cout << "  " << problem.text << "\n";
    std::cout << "  repeat with --seed " << options.seed << " --case " << fault_case << std::endl;
  }
  return result;
}

int Main(const Options& options) {
  const TemporaryDirectory directory;
  const FaultSetting setting = {
      .script = MakeScript(),
      .references = MakeReferences(MakeScript()),
      .directory = directory.path(),
      .open_store = options.expect_loss ? OpenEarlyStore : store::OpenSqliteStore};
  std::cout << "seed " << options.seed << std::endl;
  std::mt19937_64 random(options.seed);
  std::vector<FaultCase> cases;
  if (!options.only.empty()) {
    const absl::StatusOr<FaultCase> only = ParseFaultCase(options.only);
    if (!only.ok()) {
      std::cerr << only.status() << "\n";
      return 1;
    }
    cases.push_back(*only);
  } else {
    cases = MakeCases(setting, &random);
    const std::size_t total = cases.size();
    std::shuffle(cases.begin(), cases.end(), random);
    if (!options.all) cases.resize(std::min(cases.size(), options.cases));
    std::cout << cases.size() << " of " << total << " cases" << std::endl;
  }
  const absl::Time begin = absl::Now();
  const Result result = RunCases(setting, cases, options);
  std::cout << result.failed << " of " << cases.size() << " cases failed, " << result.losses
            << " of them with a loss, in "
            << absl::FormatDuration(absl::Floor(absl::Now() - begin, absl::Milliseconds(100)))
            << std::endl;
  return (options.expect_loss ? result.losses > 0 : result.failed == 0) ? 0 : 1;
}

}  // namespace
}  // namespace descent::crash

int main(int argc, char** argv) {
  descent::crash::Options options;
  CLI::App app{"Fails every operation of a scripted run on the disk, and looks for losses."};
  app.add_option("--cases", options.cases, "Cases to run, drawn by the seed");
  app.add_flag("--all", options.all, "Run all cases");
  app.add_option("--seed", options.seed, "Decides which cases, and what power cuts keep");
  app.add_option("--case", options.only, "Run one case, as it was printed");
  app.add_option("--repeat", options.repeat, "Times to run each case, with seeds from the first");
  app.add_flag("--expect-loss", options.expect_loss,
               "Acknowledge too early, and expect that to be found");
  CLI11_PARSE(app, argc, argv);
  return descent::crash::Main(options);
}
