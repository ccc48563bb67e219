// Where acknowledged changes go before they are acknowledged.
//
// The models compute an update first and then append it to their journal; its answer leaves, and
// its parameters become visible to readers, when the journal calls back. Computing goes on
// meanwhile, so what has been appended while one commit ran can become the next.

#ifndef SERVER_STORE_STORE_H_
#define SERVER_STORE_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/batch.h"
#include "core/buffer.h"
#include "server/store/model_settings.h"

namespace descent::store {

// Everything that applying an update again takes, given the state before it.

struct BatchUpdate {
  Batch batch;
  std::optional<double> learning_rate;
};

struct GradientsUpdate {
  Buffer gradients;  // laid out, all parameters
  std::optional<double> learning_rate;
};

struct ParametersUpdate {
  Buffer parameters;  // laid out, all parameters
  bool keep_optimizer_state = false;
};

// Does not count as a step.
struct SettingsUpdate {
  ModelSettings settings;
};

// The training session that an update belongs to: a session goes on behind its last position.
struct SessionPosition {
  std::string session_id;
  std::int64_t sequence = 0;
};

// The request that an update answers, so that a repeat is recognised.
struct AnsweredRequest {
  std::string id;
  std::uint64_t fingerprint = 0;
};

struct UpdateRecord {
  std::int64_t step = 0;  // the model's step after the update
  absl::Time time;
  std::variant<BatchUpdate, GradientsUpdate, ParametersUpdate, SettingsUpdate> update;
  std::optional<SessionPosition> session;
  std::optional<AnsweredRequest> request;
};

// Called once, on any thread, maybe inside the call it was given to. OK: the change is as safe as
// the model's durability promises, and the value is the last step that a crash can no longer take
// back. An error: the change may be lost, and so will be every later one.
using OnStored = absl::AnyInvocable<void(absl::StatusOr<std::int64_t> durable_step) &&>;

// The changes of one model. Calls come one at a time, maybe from a callback, and do not wait for
// the disk; their callbacks come in the order of the calls, one when the one before has returned,
// unless that made the call. A journal may be destroyed while callbacks are outstanding: they still
// come.
class Journal {
 public:
  virtual ~Journal() = default;

  virtual void Append(UpdateRecord record, OnStored done) = 0;

  // Calls back behind everything appended before.
  virtual void Sync(OnStored done) = 0;

  // Removes the model with everything that belongs to it; the last call.
  virtual void Remove(OnStored done) = 0;
};

// Thread-safe.
class Store {
 public:
  virtual ~Store() = default;

  using OnCreated = absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<Journal>>) &&>;

  // Adds a model at step 0 under a name that no other model has; calls back as OnStored does.
  virtual void CreateModel(const ModelSettings& settings, absl::Time create_time,
                           OnCreated done) = 0;
};

}  // namespace descent::store

#endif  // SERVER_STORE_STORE_H_
