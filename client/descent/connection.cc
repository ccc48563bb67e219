#include "client/descent/connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "client/descent/error.h"
#include "clock/steady.h"
#include "endpoint/endpoint.h"
#include "endpoint/proxy.h"
#include "endpoint/traceparent.h"

namespace descent::client {
namespace {

constexpr absl::Duration kKeepaliveTimeout = absl::Seconds(20);
// How often a server that is away is looked for, at least.
constexpr absl::Duration kMaxReconnectPause = absl::Seconds(1);
constexpr absl::Duration kPauseSlice = absl::Milliseconds(20);

absl::Status InvalidOption(absl::string_view name, absl::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat(name, " must be ", rule));
}

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(std::min(duration, absl::Hours(24))));
}

}  // namespace

absl::Status ValidateOptions(const ClientOptions& options) {
  const RetryPolicy& retry = options.retry;
  const auto target = endpoint::ParseTarget(options.target);
  if (!target.ok()) return target.status();
  if (!options.token.empty() && options.credentials == nullptr && !target->is_loopback) {
    return absl::InvalidArgumentError(absl::StrCat(
        "token: it would go to ", options.target,
        " in plaintext, for others to read; a token needs TLS but on this machine itself"));
  }
  if (!std::all_of(options.token.begin(), options.token.end(), absl::ascii_isgraph)) {
    return InvalidOption("token", "printable characters without spaces");
  }
  if (options.deadline <= absl::ZeroDuration()) return InvalidOption("deadline", "positive");
  if (options.keepalive <= absl::ZeroDuration()) return InvalidOption("keepalive", "positive");
  if (options.max_message_bytes <= 0) return InvalidOption("max_message_bytes", "positive");
  if (retry.give_up_after < absl::ZeroDuration()) {
    return InvalidOption("retry.give_up_after", "at least 0");
  }
  if (retry.initial_backoff <= absl::ZeroDuration()) {
    return InvalidOption("retry.initial_backoff", "positive");
  }
  if (retry.max_backoff < retry.initial_backoff) {
    return InvalidOption("retry.max_backoff", "at least retry.initial_backoff");
  }
  if (!(retry.multiplier >= 1)) return InvalidOption("retry.multiplier", "at least 1");
  return absl::OkStatus();
}

std::shared_ptr<grpc::Channel> MakeChannel(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(options.max_message_bytes);
  arguments.SetMaxSendMessageSize(options.max_message_bytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(options.keepalive));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(kKeepaliveTimeout));
  // By default a channel that failed to connect waits up to two minutes before it looks again, and
  // calls fail meanwhile though the server may be back.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   Milliseconds(options.retry.initial_backoff));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
                   Milliseconds(std::min(options.retry.max_backoff, kMaxReconnectPause)));
  // Channels to the same server would share one connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const absl::StatusOr<endpoint::Target> target = endpoint::ParseTarget(options.target);
  if (target.ok() && !endpoint::MayUseProxy(*target)) {
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  }
  return grpc::CreateCustomChannel(
      options.target,
      options.credentials != nullptr ? options.credentials : grpc::InsecureChannelCredentials(),
      arguments);
}

void Connection::Prepare(grpc::ClientContext* context, absl::Time deadline) const {
  if (deadline != absl::InfiniteFuture()) context->set_deadline(ToSystemClock(deadline));
  if (!options_.token.empty()) {
    context->AddMetadata("authorization", absl::StrCat("Bearer ", options_.token));
  }
  if (endpoint::ParseTraceparent(options_.traceparent).has_value()) {
    context->AddMetadata(endpoint::kTraceparentHeader, options_.traceparent);
  }
}

absl::Status Connection::Explain(absl::Status status) const {
  if (!is_network_ || !absl::IsUnavailable(status) || !GetErrorDetails(status).domain.empty()) {
    return status;
  }
  const absl::StatusOr<endpoint::Target> target = endpoint::ParseTarget(options_.target);
  const std::string proxy = target.ok() ? endpoint::ThroughProxy(*target) : "";
  if (proxy.empty()) return status;
  return {status.code(), absl::StrCat(status.message(), proxy)};
}

void Connection::Pause(absl::Time end, absl::FunctionRef<bool()> over) const {
  for (absl::Time now = SteadyNow(); now < end && !over(); now = SteadyNow()) {
    const absl::Time slice_end = std::min(end, now + kPauseSlice);
    const grpc_connectivity_state state =
        is_network_ ? channel_->GetState(/*try_to_connect=*/true) : GRPC_CHANNEL_READY;
    if (state == GRPC_CHANNEL_READY) {
      absl::SleepFor(slice_end - now);
    } else {
      channel_->WaitForStateChange(state, ToSystemClock(slice_end));
    }
  }
}

}  // namespace descent::client
