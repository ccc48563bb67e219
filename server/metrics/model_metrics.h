// What the models do, each under its name in the label `model`.

#ifndef SERVER_METRICS_MODEL_METRICS_H_
#define SERVER_METRICS_MODEL_METRICS_H_

#include "server/metrics/families.h"
#include "server/models/statistics.h"

namespace descent::metrics {

// Of the models that have statistics; the others are counted.
Families ModelFamilies(const models::RegistryStatistics& statistics);

}  // namespace descent::metrics

#endif  // SERVER_METRICS_MODEL_METRICS_H_
