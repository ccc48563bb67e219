// A model's settings as JSON: what a person reads in the file, and what a model is made from again.

#ifndef SERVER_STORE_FORMAT_SETTINGS_JSON_H_
#define SERVER_STORE_FORMAT_SETTINGS_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/store/model_settings.h"

namespace descent::store {

// Every field, under the names of the wire contract, with kinds by the engine's names
// ("leaky_relu"). Numbers are written so that reading gives the same bits.
std::string SettingsToJson(const ModelSettings& settings);

// DATA_LOSS (STORED_STATE_DAMAGED) when the text is not what SettingsToJson writes.
absl::StatusOr<ModelSettings> SettingsFromJson(std::string_view json);

}  // namespace descent::store

#endif  // SERVER_STORE_FORMAT_SETTINGS_JSON_H_
