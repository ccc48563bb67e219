#include "server/store/format/settings_json.h"

#include "absl/strings/str_cat.h"
#include "core/spec_fields.h"
#include "server/store/errors.h"
#include "server/store/format/json_fields.h"

namespace descent::store {

template <typename Fields, Of<ModelSettings> T>
void Describe(Fields& fields, T& settings) {
  fields.Field("name", settings.name);
  fields.Field("network", settings.network);
  fields.Field("optimizer", settings.optimizer);
  fields.Field("durability", settings.durability);
  fields.Field("labels", settings.labels);
  fields.Field("client_data", settings.client_data);
}

std::string SettingsToJson(const ModelSettings& settings) {
  Json json;
  JsonWriter fields(&json);
  Describe(fields, settings);
  // Every text in it is UTF-8, so there is nothing to replace; nothing is thrown in any case.
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

absl::StatusOr<ModelSettings> SettingsFromJson(std::string_view json) {
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return StoredStateDamaged("settings: not JSON");
  ModelSettings settings;
  const std::string problem = JsonReader::Read(parsed, &settings);
  if (!problem.empty()) return StoredStateDamaged(absl::StrCat("settings: ", problem));
  return settings;
}

}  // namespace descent::store
