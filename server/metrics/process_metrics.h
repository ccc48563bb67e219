// The process as the system sees it, under the names that all Prometheus clients use for it.

#ifndef SERVER_METRICS_PROCESS_METRICS_H_
#define SERVER_METRICS_PROCESS_METRICS_H_

#include "server/metrics/families.h"

namespace descent::metrics {

// Reads /proc/self. What can't be read there is left out.
Families ProcessFamilies();

}  // namespace descent::metrics

#endif  // SERVER_METRICS_PROCESS_METRICS_H_
