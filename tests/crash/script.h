// The changes that the fault driver's run makes: for each model a list, in the order they are sent.

#ifndef TESTS_CRASH_SCRIPT_H_
#define TESTS_CRASH_SCRIPT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/network.h"
#include "server/models/commands.h"

namespace descent::crash {

enum class ActionKind : std::uint8_t {
  kCreate,
  kStep,
  kGradients,
  kBatch,
  kSetParameters,
  kUpdateModel,
  kCreateCheckpoint,
  kRestoreCheckpoint,
  kDeleteCheckpoint,
  kDelete,
};

struct Action {
  ActionKind kind = ActionKind::kStep;
  std::string request_id;  // all but kBatch
  std::uint64_t seed = 0;  // of its numbers, where it has any
  // kBatch: the session and its next number.
  std::string session;
  std::int64_t sequence = 0;
  // kStep, kBatch: overrides the schedule; kUpdateModel: the new rate.
  std::optional<double> learning_rate;
  std::optional<models::Durability> durability;  // kUpdateModel
  std::int64_t checkpoint = 0;                   // kRestoreCheckpoint, kDeleteCheckpoint: its step
};

// Such an action is sent when everything before it is answered, and answered before the next is
// sent: what it does depends on when it is done, or concerns more than its model's own order, or is
// promised for what comes behind its answer only (another durability).
bool IsBarrier(const Action& action);

struct ModelScript {
  models::ModelSettings settings;
  std::vector<Action> actions;
};

using Script = std::vector<ModelScript>;

// Models of every durability and several optimizers, two sessions on one of them, every kind of
// change, durabilities raised and lowered, a name used twice.
Script MakeScript();

// The same numbers for the same seed.
Batch BatchOf(const Network& network, std::uint64_t seed);
// As parameters are laid out, gaps zero.
Buffer LaidOut(const Network& network, std::uint64_t seed);
// Of every parameter, and of some rows of tables.
models::GradientUpdate GradientsOf(const Network& network, std::uint64_t seed);

}  // namespace descent::crash

#endif  // TESTS_CRASH_SCRIPT_H_
