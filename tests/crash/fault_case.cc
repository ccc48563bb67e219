#include "tests/crash/fault_case.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/check.h"

namespace descent::crash {
namespace {

std::string_view NameOf(Ending ending) {
  switch (ending) {
    case Ending::kPowerCut:
      return "cut";
    case Ending::kKill:
      return "kill";
    case Ending::kStop:
      return "stop";
  }
  return "unknown";
}

std::optional<Fault> ParseFault(absl::string_view text) {
  Fault fault;
  fault.forever = absl::ConsumeSuffix(&text, "+");
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, '@');
  for (const FaultKind kind : kAllFaultKinds) {
    if (parts.first != NameOf(kind)) continue;
    fault.kind = kind;
    if (absl::SimpleAtoi(parts.second, &fault.at)) return fault;
  }
  return std::nullopt;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const FaultCase& fault_case) {
  out << fault_case.fault << "/" << NameOf(fault_case.ending) << "/";
  if (fault_case.recovery_fault.has_value()) {
    out << *fault_case.recovery_fault;
  } else {
    out << "none";
  }
  return out << "/" << fault_case.in_flight;
}

absl::StatusOr<FaultCase> ParseFaultCase(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  const auto bad = [&] { return absl::InvalidArgumentError("not a case: " + text); };
  if (parts.size() != 4) return bad();
  FaultCase fault_case;
  const std::optional<Fault> fault = ParseFault(parts[0]);
  if (!fault.has_value() || !absl::SimpleAtoi(parts[3], &fault_case.in_flight)) return bad();
  fault_case.fault = *fault;
  const auto* const ending = std::ranges::find_if(
      kAllEndings, [&](Ending candidate) { return NameOf(candidate) == parts[1]; });
  if (ending == std::end(kAllEndings)) return bad();
  fault_case.ending = *ending;
  fault_case.recovery_fault = ParseFault(parts[2]);
  if (!fault_case.recovery_fault.has_value() && parts[2] != "none") return bad();
  return fault_case;
}

std::vector<Problem> RunFaultCase(const FaultSetting& setting, const FaultCase& fault_case,
                                  std::uint64_t seed) {
  FaultRun run(setting, fault_case.in_flight, seed);
  run.disk().Arm(fault_case.fault);
  run.Begin(fault_case.ending);
  if (fault_case.recovery_fault.has_value()) {
    run.TryToRecover(fault_case.recovery_fault, seed % 2 == 0 ? Ending::kPowerCut : Ending::kKill);
  }
  if (run.problems().empty()) run.RecoverAndGoOn(Ending::kPowerCut);
  if (run.problems().empty()) run.RecoverAtTheEnd();
  return run.problems();
}

CountedOperations CountOperations(const FaultSetting& setting, std::size_t in_flight) {
  CountedOperations counted;
  FaultRun run(setting, in_flight, /*seed=*/0);
  run.disk().Arm(std::nullopt);
  run.Begin(Ending::kPowerCut);
  counted.run = run.disk().operations();
  run.TryToRecover(std::nullopt, Ending::kPowerCut);
  counted.recovery = run.disk().operations();
  for (const Problem& problem : run.problems()) {
    std::cerr << "without a fault: " << problem.text << "\n";
  }
  DESCENT_CHECK(run.problems().empty());
  return counted;
}

}  // namespace descent::crash
