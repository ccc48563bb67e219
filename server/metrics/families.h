// Families of series, as they are collected and written for Prometheus.

#ifndef SERVER_METRICS_FAMILIES_H_
#define SERVER_METRICS_FAMILIES_H_

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "clock/duration_histogram.h"

namespace descent::metrics {

using Families = std::vector<prometheus::MetricFamily>;

// Names of labels and their values; a family's series differ in the values alone.
using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Families without series yet. A counter never falls while the server runs, and its name ends in
// _total.
prometheus::MetricFamily Counter(std::string_view name, std::string_view help);
prometheus::MetricFamily Gauge(std::string_view name, std::string_view help);
prometheus::MetricFamily Histogram(std::string_view name, std::string_view help);

// Add one series; the first to counters and gauges, the second to histograms.
void AddSeries(double value, Labels labels, prometheus::MetricFamily* family);
void AddSeries(const DurationHistogram::Counts& counts, Labels labels,
               prometheus::MetricFamily* family);

// The family of one series without labels.
prometheus::MetricFamily Counter(std::string_view name, std::string_view help, double value);
prometheus::MetricFamily Gauge(std::string_view name, std::string_view help, double value);

}  // namespace descent::metrics

#endif  // SERVER_METRICS_FAMILIES_H_
