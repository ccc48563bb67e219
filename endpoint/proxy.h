// The proxy that gRPC takes from the environment.
//
// gRPC sends every connection to the proxy that $grpc_proxy, $https_proxy or $http_proxy names
// unless $no_proxy excludes the host: those to this very machine too, which no proxy can reach, and
// it says nothing of it when they fail.

#ifndef ENDPOINT_PROXY_H_
#define ENDPOINT_PROXY_H_

#include <string>

#include "endpoint/endpoint.h"

namespace descent::endpoint {

// Whether a channel to the target may go through a proxy at all. Where not, it is made with
// `grpc.enable_http_proxy` = 0.
inline bool MayUseProxy(const Target& target) { return !target.is_loopback; }

// " through the proxy http://HOST:PORT of $https_proxy" (without the user and password that the
// variable may hold), to be put behind "no connection to …"; empty when there is none in between.
std::string ThroughProxy(const Target& target);

}  // namespace descent::endpoint

#endif  // ENDPOINT_PROXY_H_
