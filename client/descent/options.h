// How a client reaches its server, how long it waits and how often it tries again.

#ifndef CLIENT_DESCENT_OPTIONS_H_
#define CLIENT_DESCENT_OPTIONS_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace grpc {
class ChannelCredentials;
}  // namespace grpc

namespace descent::client {

// The pause before attempt n + 1 is drawn from [1/2, 1] times
//
//   min(max_backoff, initial_backoff * multiplier^(n-1))
//
// so that clients that failed together do not come back together. Where the server says how long to
// wait (google.rpc.RetryInfo), the pause is at least that.
struct RetryPolicy {
  // How long to go on trying from a call's first failure on, besides the call's own deadline. Zero:
  // never try again. The default rides out a server that is started again, which is away for as
  // long as it takes to apply its journals (STARTING and RECOVERING count as being away).
  absl::Duration give_up_after = absl::Minutes(2);
  absl::Duration initial_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(5);
  double multiplier = 2.0;
};

struct ClientOptions {
  // HOST:PORT, or any name that gRPC resolves: `dns:///descent.example:50051`,
  // `unix:/run/descent.socket`. A proxy that the environment names ($grpc_proxy, $https_proxy,
  // $http_proxy, unless $no_proxy excludes the host) is not used for this machine's own addresses
  // and sockets.
  std::string target = "127.0.0.1:50051";
  // Null: plaintext. TlsCredentials (tls.h) makes those of TLS.
  std::shared_ptr<grpc::ChannelCredentials> credentials = nullptr;
  // Who this is, to a server that asks: goes with every call as `authorization: Bearer …`. In
  // plaintext to this machine's own addresses and sockets alone. Empty: none.
  std::string token = {};

  // The trace that the calls belong to, as W3C Trace Context has it: goes with every call as
  // `traceparent`, for the server's logs. Empty, or not valid: none.
  std::string traceparent = {};

  // The time that a unary call may take, all its attempts and pauses together. Shorter than
  // retry.give_up_after, it is what ends the call while there is no server.
  absl::Duration deadline = absl::Minutes(1);
  RetryPolicy retry = {};

  // The largest message sent or received. The server has a limit of its own, by default the same;
  // raising this one costs memory only when such messages come.
  int max_message_bytes = 64 << 20;

  // A connection that carries a call but has been silent for so long is probed, and given up when
  // the probe is not answered within 20 s. A server may cut off clients that probe more often than
  // every 5 min, which is gRPC's default.
  absl::Duration keepalive = absl::Minutes(6);

  // Told before each pause that something is to be tried again after: why, and for how long that
  // has been so by then. On the thread of the call, or a training session's own.
  std::function<void(const absl::Status& cause, absl::Duration since)> on_retry = {};
};

// What one call wants differently.
struct CallOptions {
  // The time that the call may take. Zero: ClientOptions::deadline for a unary call, no limit for a
  // streaming one.
  absl::Duration deadline = absl::ZeroDuration();
  // Identifies a call that changes something, so that the server recognises a repeat; at most 128
  // bytes. Empty: a random one is made. Ignored where the request message carries its own, and by
  // calls that only read.
  std::string request_id = {};
};

}  // namespace descent::client

#endif  // CLIENT_DESCENT_OPTIONS_H_
