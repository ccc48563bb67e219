// What each model is after each action of its script when nothing goes wrong.

#ifndef TESTS_CRASH_REFERENCE_H_
#define TESTS_CRASH_REFERENCE_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/models/registry/registry.h"
#include "tests/crash/script.h"

namespace descent::crash {

// What a client can see of a model.
struct ModelView {
  bool exists = false;
  std::int64_t step = 0;
  std::uint64_t state_hash = 0;
  double learning_rate = 0;
  models::Durability durability = models::Durability::kJournal;

  bool operator==(const ModelView&) const = default;
};

std::ostream& operator<<(std::ostream& out, const ModelView& view);

// Of a model that does not exist, all but `exists` is as initialised. An error: the model can't be
// read.
absl::StatusOr<ModelView> ViewOf(const models::Registry& registry, const std::string& name);

// One model's views: [n] is after n actions.
using Reference = std::vector<ModelView>;
using References = std::vector<Reference>;

// By an undisturbed run in memory. Ends the program if that fails.
References MakeReferences(const Script& script);

}  // namespace descent::crash

#endif  // TESTS_CRASH_REFERENCE_H_
