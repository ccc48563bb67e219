// Flips one bit of a store's files, in each of their pages, and looks what a server makes of it:
// every model has to be as it was, or DATA_LOSS, or the server refuses to start.
//
//   flip_driver [--flips N] [--seed S] [--flip FLIP] [--verbose]
//
// Exit status: 0 when no flip made a model silently another, 1 otherwise.

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "core/check.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/crash/fault_run.h"
#include "tests/crash/temporary_directory.h"

namespace descent::crash {
namespace {

constexpr std::size_t kPage = 65536;
// Where pages and the log's frames have their headers.
constexpr std::size_t kHeader = 128;
constexpr std::size_t kMostPrinted = 10;

struct Options {
  std::size_t flips = 600;
  std::uint64_t seed = std::random_device()();
  std::string only;
  bool verbose = false;
};

// A bit of a file: "NAME:BYTE:BIT".
struct Flip {
  std::string file;
  std::size_t byte = 0;
  int bit = 0;
};

std::ostream& operator<<(std::ostream& out, const Flip& flip) {
  return out << flip.file << ":" << flip.byte << ":" << flip.bit;
}

// What was left behind at the end of the script.
struct Remains {
  Ending ending = Ending::kStop;
  SimulatedDisk::Image image;
  Accounts accounts;
};

Remains MakeRemains(const FaultSetting& setting, Ending ending) {
  FaultRun run(setting, /*in_flight=*/1, /*seed=*/1);
  run.Begin(ending);
  DESCENT_CHECK(run.problems().empty());
  for (const Account& account : run.accounts()) DESCENT_CHECK(account.error.ok());
  run.disk().Restart();
  SimulatedDisk::Image image = run.disk().GetImage();
  // What is there undamaged: a crash takes the end of what is kept by checkpoints alone.
  run.RecoverAtTheEnd();
  DESCENT_CHECK(run.problems().empty());
  return {ending, std::move(image), run.accounts()};
}

// Of six, one in a page's header, one anywhere, the others in bytes that are not zero.
std::size_t DrawByte(const std::string& contents, std::size_t page, int turn,
                     std::mt19937_64* random) {
  const std::size_t end = std::min(contents.size(), page + kPage);
  if (turn % 6 == 0) return page + (*random)() % std::min(kHeader, end - page);
  std::size_t byte = page + (*random)() % (end - page);
  for (std::size_t tries = 0; turn % 6 != 1 && contents[byte] == '\0' && tries < kPage; ++tries) {
    byte = byte + 1 == end ? page : byte + 1;
  }
  return byte;
}

std::vector<Flip> MakeFlips(const Remains& remains, const Options& options,
                            std::mt19937_64* random) {
  std::size_t pages = 0;
  for (const auto& [name, contents] : remains.image) pages += contents.size() / kPage + 1;
  const int turns = static_cast<int>((options.flips + pages - 1) / pages);
  std::vector<Flip> flips;
  for (const auto& [name, contents] : remains.image) {
    for (std::size_t page = 0; page < contents.size(); page += kPage) {
      for (int turn = 0; turn < turns; ++turn) {
        flips.push_back(
            {name, DrawByte(contents, page, turn, random), static_cast<int>((*random)() % 8)});
      }
    }
  }
  return flips;
}

struct Tally {
  int harmless = 0;
  int quarantined = 0;
  int refused = 0;
  int older = 0;
  int silent = 0;
  std::map<std::string, int> reasons;  // of refusals
};

void TryFlip(const FaultSetting& setting, const Remains& remains, const Flip& flip,
             const Options& options, Tally* tally) {
  SimulatedDisk::Image image = remains.image;
  std::string& contents = image.at(flip.file);
  contents[flip.byte] = static_cast<char>(contents[flip.byte] ^ (1 << flip.bit));
  FaultRun run(setting, /*in_flight=*/1, options.seed);
  // The end of a log is where a torn commit would be.
  const bool is_log = remains.ending != Ending::kStop && absl::EndsWith(flip.file, "-wal");
  const FaultRun::Damage damage = run.RecoverDamaged(image, remains.accounts, is_log);
  if (!run.problems().empty()) {
    if (++tally->silent > static_cast<int>(kMostPrinted)) return;
    std::cout << "FAILED " << flip << "\n";
    for (const Problem& problem : run.problems()) std::cout << "  " << problem.text << "\n";
    std::cout << "  repeat with --seed " << options.seed << " --flip "
              << static_cast<int>(remains.ending) << ":" << flip << std::endl;
  } else if (!damage.refusal.ok()) {
    ++tally->refused;
    ++tally->reasons[std::string(damage.refusal.message())];
  } else if (damage.quarantined > 0) {
    ++tally->quarantined;
  } else if (damage.older > 0) {
    ++tally->older;
  } else {
    ++tally->harmless;
  }
}

int Main(const Options& options) {
  const TemporaryDirectory directory;
  const FaultSetting setting = {.script = MakeScript(),
                                .references = MakeReferences(MakeScript()),
                                .directory = directory.path(),
                                .open_store = store::OpenSqliteStore};
  std::cout << "seed " << options.seed << std::endl;
  std::mt19937_64 random(options.seed);
  const absl::Time begin = absl::Now();
  bool sound = true;
  for (const Ending ending : {Ending::kStop, Ending::kKill}) {
    const Remains remains = MakeRemains(setting, ending);
    std::vector<Flip> flips = MakeFlips(remains, options, &random);
    if (!options.only.empty()) {
      const std::vector<std::string> parts = absl::StrSplit(options.only, ':');
      DESCENT_CHECK(parts.size() == 4);
      flips = {{parts[1], std::stoul(parts[2]), std::stoi(parts[3])}};
      if (parts[0] != absl::StrCat(static_cast<int>(ending))) continue;
    }
    Tally tally;
    for (const Flip& flip : flips) TryFlip(setting, remains, flip, options, &tally);
    std::cout << (ending == Ending::kStop ? "after a clean stop: " : "after a kill: ")
              << flips.size() << " flips, " << tally.harmless << " harmless, " << tally.quarantined
              << " DATA_LOSS of a model, " << tally.refused << " refused, " << tally.older
              << " without the last commit, " << tally.silent << " silent" << std::endl;
    for (const auto& [reason, count] : tally.reasons) {
      if (options.verbose) std::cout << "  " << count << " refused: " << reason << "\n";
    }
    sound = sound && tally.silent == 0;
  }
  std::cout << "in " << absl::FormatDuration(absl::Floor(absl::Now() - begin, absl::Seconds(1)))
            << std::endl;
  return sound ? 0 : 1;
}

}  // namespace
}  // namespace descent::crash

int main(int argc, char** argv) {
  descent::crash::Options options;
  CLI::App app{"Flips bits of a store's files, and looks for models that are silently another."};
  app.add_option("--flips", options.flips, "Bits to flip, as many in each page");
  app.add_option("--seed", options.seed, "Decides which");
  app.add_option("--flip", options.only, "Flip one bit, as it was printed");
  app.add_flag("--verbose", options.verbose, "Say why servers refused to start");
  CLI11_PARSE(app, argc, argv);
  return descent::crash::Main(options);
}
