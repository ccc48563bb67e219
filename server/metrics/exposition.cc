#include "server/metrics/exposition.h"

#include <prometheus/text_serializer.h>

#include "server/metrics/model_metrics.h"
#include "server/metrics/process_metrics.h"

namespace descent::metrics {

std::string WriteFamilies(const Families& families) {
  const prometheus::TextSerializer text;
  const prometheus::Serializer& serializer = text;
  return serializer.Serialize(families);
}

std::string Exposition::Write(models::Registry::MaySee may_see) const {
  const models::Registry& registry = *sources_.registry;
  std::string text = WriteFamilies(ServerFamilies(
      options_.build, registry, sources_.server->Usage(), options_.transport_memory_bytes));
  text += WriteFamilies(ProcessFamilies());
  text += WriteFamilies(sources_.calls->Collect());
  text += WriteFamilies(ModelFamilies(registry.Statistics(options_.most_models, may_see)));
  return text;
}

}  // namespace descent::metrics
