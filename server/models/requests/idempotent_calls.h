// Calls that change something and may be repeated: each request id is worked on once, and every
// repeat gets the first one's answer.

#ifndef SERVER_MODELS_REQUESTS_IDEMPOTENT_CALLS_H_
#define SERVER_MODELS_REQUESTS_IDEMPOTENT_CALLS_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clock/steady.h"
#include "server/models/commands.h"
#include "server/models/errors.h"
#include "server/models/requests/request_window.h"
#include "server/models/work/call.h"
#include "server/models/work/memory_budget.h"
#include "server/models/work/model_bytes.h"

namespace descent::models {

// `Outcomes` are those of the kinds of calls that share the ids. Thread-safe.
template <typename... Outcomes>
class IdempotentCalls {
 public:
  // See RequestWindow.
  IdempotentCalls(std::size_t count, absl::Duration age, std::size_t bytes, MemoryCharge memory)
      : window_(count, age, bytes, std::move(memory)) {}

  // Whether the request is to be worked on; then Conclude follows. Otherwise the call is taken, and
  // answered now or when the first one is concluded: with its outcome, marked as replayed where the
  // outcome says such a thing, or with ALREADY_EXISTS (REQUEST_ID_REUSED).
  template <typename Outcome>
  bool Begin(const RequestKey& request, Call<Outcome>* call) {
    if (request.id.empty()) return true;
    return window_.Begin(request, SteadyNow(), [&]() -> typename Window::OnRepeat {
      return [id = request.id,
              repeat = std::move(*call)](const absl::StatusOr<FirstAnswer>& first) mutable {
        std::move(repeat).Answer(Replay<Outcome>(id, first));
      };
    });
  }

  // Answers a call that Begin let through, and its repeats.
  template <typename Outcome>
  void Conclude(const RequestKey& request, Call<Outcome> call, absl::StatusOr<Outcome> outcome) {
    if (!request.id.empty()) {
      window_.Finish(request.id, SteadyNow(), Remember(outcome),
                     outcome.ok() ? BytesOf(*outcome) : 0);
    }
    std::move(call).Answer(std::move(outcome));
  }

  // An answer from before a restart, given at a time of day; oldest first, before any Begin.
  template <typename Outcome>
  void Restore(const RequestKey& request, absl::Time time, Outcome outcome) {
    const std::size_t bytes = BytesOf(outcome);
    window_.Restore(request, ToSteady(time), std::make_shared<const Outcome>(std::move(outcome)),
                    bytes);
  }

 private:
  using FirstAnswer = std::variant<std::shared_ptr<const Outcomes>...>;
  using Window = RequestWindow<FirstAnswer>;

  template <typename Outcome>
  static std::size_t BytesOf(const Outcome& outcome) {
    std::size_t bytes = sizeof(Outcome) + 32;
    if constexpr (requires { outcome.settings; }) bytes += SettingsBytes(outcome.settings);
    return bytes;
  }

  template <typename Outcome>
  static absl::StatusOr<FirstAnswer> Remember(const absl::StatusOr<Outcome>& outcome) {
    if (!outcome.ok()) return outcome.status();
    return FirstAnswer(std::make_shared<const Outcome>(*outcome));
  }

  template <typename Outcome>
  static absl::StatusOr<Outcome> Replay(const std::string& id,
                                        const absl::StatusOr<FirstAnswer>& first) {
    if (!first.ok()) return first.status();
    const auto* remembered = std::get_if<std::shared_ptr<const Outcome>>(&*first);
    if (remembered == nullptr) return RequestIdReused(id);
    Outcome outcome = **remembered;
    if constexpr (requires { outcome.replayed; }) outcome.replayed = true;
    return outcome;
  }

  Window window_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_REQUESTS_IDEMPOTENT_CALLS_H_
