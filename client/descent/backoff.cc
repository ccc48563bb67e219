#include "client/descent/backoff.h"

#include <algorithm>

#include "client/descent/error.h"

namespace descent::client {

absl::Duration Backoff::Next(const absl::Status& failure) {
  const absl::Duration ceiling = std::min(ceiling_, policy_.max_backoff);
  ceiling_ = std::min(ceiling * policy_.multiplier, policy_.max_backoff);
  const absl::Duration pause = ceiling * absl::Uniform(absl::IntervalClosed, random_, 0.5, 1.0);
  return std::max(pause, GetErrorDetails(failure).retry_delay.value_or(absl::ZeroDuration()));
}

}  // namespace descent::client
