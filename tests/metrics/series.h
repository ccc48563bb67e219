// What is exposed, as tests look at it.

#ifndef TESTS_METRICS_SERIES_H_
#define TESTS_METRICS_SERIES_H_

#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

#include "server/metrics/exposition.h"

namespace descent::testing {

// {"name{label=\"value\"}": value} of a text that Prometheus would read.
inline std::map<std::string, double> SeriesOf(const std::string& text) {
  std::map<std::string, double> series;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    const std::size_t space = line.rfind(' ');
    series[line.substr(0, space)] = std::strtod(line.c_str() + space, nullptr);
  }
  return series;
}

inline std::map<std::string, double> SeriesOf(const metrics::Families& families) {
  return SeriesOf(metrics::WriteFamilies(families));
}

}  // namespace descent::testing

#endif  // TESTS_METRICS_SERIES_H_
