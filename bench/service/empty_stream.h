// The ceilings of calls and of a training stream: as many bytes both ways, and nothing done.

#ifndef BENCH_SERVICE_EMPTY_STREAM_H_
#define BENCH_SERVICE_EMPTY_STREAM_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <functional>

#include "descent/v1/network_service.pb.h"
#include "empty_service.grpc.pb.h"

namespace descent::bench {

// An acknowledgement as large as they are.
v1::TrainResponse SampleAck(std::int64_t rows);

// The payload whose serialisation has as many bytes as the request, to be answered with as many as
// the answer has.
Payload SameSize(const google::protobuf::Message& request, const google::protobuf::Message& answer);

// With a deadline, as the client library's calls have one: it costs both ends a timer.
void EmptyCall(EmptyService::Stub& stub, const Payload& payload);

// Writes and reads at the same time; writes that follow each other leave together.
void EmptyStream(EmptyService::Stub& stub, const Payload& payload, int count);

// The same for as long as `more` says so, which is asked before each message.
void EmptyStreamWhile(EmptyService::Stub& stub, const Payload& payload,
                      const std::function<bool()>& more);

}  // namespace descent::bench

#endif  // BENCH_SERVICE_EMPTY_STREAM_H_
