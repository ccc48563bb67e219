// Which trace a call belongs to, as its caller says.

#ifndef SERVER_OPS_TRACE_H_
#define SERVER_OPS_TRACE_H_

#include <string>

namespace grpc {
class ServerContextBase;
}

namespace descent::ops {

// Empty for a call without a valid `traceparent`, or with several.
struct Trace {
  std::string trace_id;
  std::string parent_id;
};

// Of a call, from its metadata.
Trace TraceOf(const grpc::ServerContextBase& context);

}  // namespace descent::ops

#endif  // SERVER_OPS_TRACE_H_
