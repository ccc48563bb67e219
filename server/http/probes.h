// What asks whether the server is alive and takes calls: orchestrators and load balancers.

#ifndef SERVER_HTTP_PROBES_H_
#define SERVER_HTTP_PROBES_H_

#include <functional>
#include <vector>

#include "server/http/route.h"

namespace descent::http {

// /livez: 200 for as long as there is somebody to answer. /readyz: 200 while `is_serving`, or else
// 503. Both for everybody.
std::vector<Route> ProbeRoutes(std::function<bool()> is_serving);

}  // namespace descent::http

#endif  // SERVER_HTTP_PROBES_H_
