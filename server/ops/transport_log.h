// What gRPC itself has to say, as lines of our log. gRPC up to 1.64 calls a function that it is
// given; later ones log with Abseil, as whatever else does that is linked.

#ifndef SERVER_OPS_TRANSPORT_LOG_H_
#define SERVER_OPS_TRANSPORT_LOG_H_

namespace descent::ops {

// From here on gRPC's messages are lines of the log (server/ops/log.h). They are mostly about what
// peers do: its errors are warnings of ours, and all else is less.
void StartTransportLog();

// To be called before the log is stopped.
void StopTransportLog();

}  // namespace descent::ops

#endif  // SERVER_OPS_TRANSPORT_LOG_H_
