// Which trace a call belongs to, as its caller says.

#ifndef SERVER_OPS_TRACE_H_
#define SERVER_OPS_TRACE_H_

#include <string>

namespace grpc {
class ServerContextBase;
}

namespace descent::ops {

// Empty for a call without a valid `traceparent`, or with several. A current gRPC holds one of that
// name and hands on the last: of several headers that is the one which counts there. None is ever
// joined with another.
struct Trace {
  std::string trace_id;
  std::string parent_id;
};

// Of a call, from its metadata.
Trace TraceOf(const grpc::ServerContextBase& context);

}  // namespace descent::ops

#endif  // SERVER_OPS_TRACE_H_
