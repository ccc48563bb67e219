// What Prometheus reads.

#ifndef SERVER_METRICS_EXPOSITION_H_
#define SERVER_METRICS_EXPOSITION_H_

#include <cstddef>
#include <string>
#include <utility>

#include "server/metrics/call_metrics.h"
#include "server/metrics/families.h"
#include "server/metrics/server_metrics.h"
#include "server/models/registry/registry.h"
#include "server/ops/server.h"

namespace descent::metrics {

// The media type of what is written.
inline constexpr char kContentType[] = "text/plain; version=0.0.4; charset=utf-8";

// As Prometheus reads it.
std::string WriteFamilies(const Families& families);

// Everything that there is to tell. Thread-safe.
class Exposition {
 public:
  struct Sources {
    const CallMetrics* calls;
    const models::Registry* registry;
    const ops::Server* server;
  };
  struct Options {
    Build build;
    std::size_t transport_memory_bytes = 0;
    // Series of at most so many models, the first by name.
    std::size_t most_models = 1000;
  };

  // What the sources name outlives this; none is null.
  Exposition(const Sources& sources, Options options)
      : sources_(sources), options_(std::move(options)) {}

  // Everything as it is now, of those models that `may_see` is true of. Takes some milliseconds for
  // a thousand models, and waits for nothing that the server does.
  std::string Write(models::Registry::MaySee may_see) const;

 private:
  const Sources sources_;
  const Options options_;
};

}  // namespace descent::metrics

#endif  // SERVER_METRICS_EXPOSITION_H_
