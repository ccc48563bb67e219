#include "server/metrics/families.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace descent::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily FamilyOf(MetricType type, std::string_view name, std::string_view help) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

ClientMetric& AddMetric(Labels labels, MetricFamily* family) {
  ClientMetric& metric = family->metric.emplace_back();
  metric.label.reserve(labels.size());
  for (const auto& [name, value] : labels) {
    metric.label.push_back({std::string(name), std::string(value)});
  }
  return metric;
}

}  // namespace

MetricFamily Counter(std::string_view name, std::string_view help) {
  return FamilyOf(MetricType::Counter, name, help);
}

MetricFamily Gauge(std::string_view name, std::string_view help) {
  return FamilyOf(MetricType::Gauge, name, help);
}

MetricFamily Histogram(std::string_view name, std::string_view help) {
  return FamilyOf(MetricType::Histogram, name, help);
}

void AddSeries(double value, Labels labels, MetricFamily* family) {
  ClientMetric& metric = AddMetric(labels, family);
  if (family->type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

void AddSeries(const DurationHistogram::Counts& counts, Labels labels, MetricFamily* family) {
  prometheus::ClientMetric::Histogram& histogram = AddMetric(labels, family).histogram;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < DurationHistogram::kBounds.size(); ++i) {
    total += counts.buckets[i];
    histogram.bucket.push_back({total, DurationHistogram::kBounds[i]});
  }
  // The writer adds the last bucket, which has no bound and is all of them.
  histogram.sample_count = total + counts.buckets.back();
  histogram.sample_sum = counts.sum_seconds;
}

MetricFamily Counter(std::string_view name, std::string_view help, double value) {
  MetricFamily family = Counter(name, help);
  AddSeries(value, {}, &family);
  return family;
}

MetricFamily Gauge(std::string_view name, std::string_view help, double value) {
  MetricFamily family = Gauge(name, help);
  AddSeries(value, {}, &family);
  return family;
}

}  // namespace descent::metrics
