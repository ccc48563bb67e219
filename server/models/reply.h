// The answer that somebody is owed.

#ifndef SERVER_MODELS_REPLY_H_
#define SERVER_MODELS_REPLY_H_

#include <concepts>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/error.h"

namespace descent::models {

// INTERNAL (ABANDONED): the call ends without the answer that it should have had.
inline absl::Status Abandoned() {
  return Error(absl::StatusCode::kInternal, "ABANDONED",
               "a fault of the server itself ended the call without its answer; whether anything "
               "was changed is not known");
}

// Receives the outcome, exactly once, on any thread; must not block. Move-only. A reply that is
// destroyed before it was called answers INTERNAL (ABANDONED): whatever became of the work, nobody
// waits for ever.
template <typename T>
class Reply {
 public:
  using Answer = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;

  Reply() = default;
  // A lambda is a reply. Another reply is none, which clang-tidy does not see.
  // NOLINTBEGIN(google-explicit-constructor, bugprone-forwarding-reference-overload)
  template <typename Function>
    requires(!std::same_as<std::remove_cvref_t<Function>, Reply> &&
             std::constructible_from<Answer, Function>)
  Reply(Function&& answer) : answer_(std::forward<Function>(answer)) {}
  // NOLINTEND(google-explicit-constructor, bugprone-forwarding-reference-overload)

  Reply(Reply&& other) noexcept : answer_(std::exchange(other.answer_, nullptr)) {}
  Reply& operator=(Reply&& other) noexcept {
    Reply before(std::move(*this));
    answer_ = std::exchange(other.answer_, nullptr);
    return *this;
  }
  ~Reply() {
    if (answer_ != nullptr) std::move (*this)(Abandoned());
  }

  void operator()(absl::StatusOr<T> outcome) && {
    std::exchange(answer_, nullptr)(std::move(outcome));
  }

 private:
  Answer answer_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_REPLY_H_
