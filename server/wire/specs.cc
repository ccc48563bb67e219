#include "server/wire/specs.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/check.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "google/protobuf/util/time_util.h"
#include "server/wire/layers.h"
#include "server/wire/spec_parts.h"

namespace descent::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

absl::StatusOr<LossSpec> DecodeLoss(const v1::Loss& message) {
  return DecodeKind(message, LossRows());
}

// Decodes the set case of a oneof by its row. Requires a set case.
template <typename Variant>
Variant DecodeCase(const Message& message, const FieldDescriptor* field,
                   absl::Span<const AlternativeRow<Variant>> rows) {
  for (const auto& row : rows) {
    if (field->name() != row.field) continue;
    Variant options;
    row.decode(message.GetReflection()->GetMessage(message, field), &options);
    return options;
  }
  DESCENT_CHECK(false);
}

template <typename Variant>
void EncodeCase(const Variant& options, absl::Span<const AlternativeRow<Variant>> rows,
                Message* message) {
  const AlternativeRow<Variant>& row = rows[options.index()];
  const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(row.field);
  row.encode(options, message->GetReflection()->MutableMessage(message, field));
}

}  // namespace

absl::StatusOr<NetworkSpec> DecodeNetworkSpec(const v1::NetworkSpec& message) {
  NetworkSpec spec;
  spec.input_features = message.input_features();
  ASSIGN_OR_RETURN(spec.layers, DecodeLayers(message.layers()));
  if (!message.has_loss()) return RequiredField("loss");
  ASSIGN_OR_RETURN(spec.loss, DecodeMember("loss", DecodeLoss, message.loss()));
  if (message.data_type() != v1::DATA_TYPE_UNSPECIFIED) {
    const auto known = FromWire("data_type", NetworkDataTypeRows(), message.data_type());
    if (!known.ok()) {
      return InvalidField("data_type",
                          absl::StrCat("expected FLOAT32 or FLOAT64, got ",
                                       v1::DataType_IsValid(message.data_type())
                                           ? v1::DataType_Name(message.data_type())
                                           : absl::StrCat(message.data_type())),
                          {}, "WRONG_DATA_TYPE");
    }
    spec.data_type = *known;
  }
  spec.seed = message.seed();
  if (message.has_input_normalization()) {
    ASSIGN_OR_RETURN(spec.input_normalization,
                     DecodeParameters<InputNormalizationSpec>(message.input_normalization()));
  }
  ASSIGN_OR_RETURN(spec.categorical_inputs, DecodeCategoricalInputs(message.categorical_inputs()));
  return spec;
}

void EncodeNetworkSpec(const NetworkSpec& spec, v1::NetworkSpec* message) {
  message->set_input_features(spec.input_features);
  EncodeLayers(spec.layers, message->mutable_layers());
  EncodeKind(spec.loss, LossRows(), message->mutable_loss());
  message->set_data_type(ToWire(NetworkDataTypeRows(), spec.data_type));
  message->set_seed(spec.seed);
  if (spec.input_normalization.has_value()) {
    EncodeParameters(*spec.input_normalization, message->mutable_input_normalization());
  }
  EncodeCategoricalInputs(spec.categorical_inputs, message->mutable_categorical_inputs());
}

absl::StatusOr<OptimizerSpec> DecodeOptimizerSpec(const v1::OptimizerSpec& message) {
  OptimizerSpec spec;
  // Zero is what a message says that says nothing; a model that never learns is no one's wish.
  if (message.learning_rate() == 0) return RequiredField("learning_rate");
  spec.learning_rate = message.learning_rate();
  const FieldDescriptor* algorithm = CaseOf(message, "algorithm");
  if (algorithm == nullptr) return RequiredField("algorithm");
  spec.algorithm = DecodeCase(message, algorithm, OptimizerRows());
  if (message.has_schedule()) {
    const FieldDescriptor* decay = CaseOf(message.schedule(), "decay");
    if (decay != nullptr) {
      spec.schedule.decay = DecodeCase(message.schedule(), decay, DecayRows());
    }
    spec.schedule.warmup_steps = message.schedule().warmup_steps();
  }
  spec.clip_norm = OptionalOf(message.has_clip_norm(), message, &v1::OptimizerSpec::clip_norm);
  spec.clip_value = OptionalOf(message.has_clip_value(), message, &v1::OptimizerSpec::clip_value);
  spec.exclude_bias_from_weight_decay = message.exclude_bias_from_weight_decay();
  return spec;
}

void EncodeOptimizerSpec(const OptimizerSpec& spec, v1::OptimizerSpec* message) {
  message->set_learning_rate(spec.learning_rate);
  EncodeCase(spec.algorithm, OptimizerRows(), message);
  EncodeCase(spec.schedule.decay, DecayRows(), message->mutable_schedule());
  message->mutable_schedule()->set_warmup_steps(spec.schedule.warmup_steps);
  if (spec.clip_norm.has_value()) message->set_clip_norm(*spec.clip_norm);
  if (spec.clip_value.has_value()) message->set_clip_value(*spec.clip_value);
  message->set_exclude_bias_from_weight_decay(spec.exclude_bias_from_weight_decay);
}

absl::StatusOr<models::Durability> DecodeDurability(std::string_view field, v1::Durability value) {
  if (value == v1::DURABILITY_UNSPECIFIED) return models::Durability::kJournal;
  return FromWire(field, DurabilityRows(), value);
}

absl::StatusOr<std::map<std::string, std::string>> DecodeLabels(
    const google::protobuf::Map<std::string, std::string>& labels) {
  constexpr std::size_t kMostLabels = 64;
  constexpr std::size_t kLongestKey = 63;
  constexpr std::size_t kMostValueBytes = 32 << 10;  // so that a page of a list fits a message
  std::size_t value_bytes = 0;
  if (labels.size() > kMostLabels) {
    return InvalidField("labels",
                        absl::StrCat("expected at most ", kMostLabels, ", got ", labels.size()));
  }
  for (const auto& [key, value] : labels) {
    if (key.empty() || key.size() > kLongestKey) {
      return InvalidField("labels", absl::StrCat("expected keys of 1 to ", kLongestKey,
                                                 " bytes, got one of ", key.size()));
    }
    value_bytes += value.size();
  }
  if (value_bytes > kMostValueBytes) {
    return InvalidField("labels", absl::StrCat("expected values of at most ", kMostValueBytes,
                                               " bytes together, got ", value_bytes));
  }
  return std::map<std::string, std::string>(labels.begin(), labels.end());
}

absl::StatusOr<store::SharedText> DecodeClientData(const std::string& text) {
  // So that the model's description fits in what gRPC receives by default, 4 MiB.
  constexpr std::size_t kMostBytes = std::size_t{2} << 20;
  if (text.size() > kMostBytes) {
    return InvalidField("client_data",
                        absl::StrCat("expected at most ", kMostBytes, " bytes, got ", text.size()));
  }
  return store::SharedText(text);
}

absl::Status CheckOutputOnlyFields(const v1::Model& message) {
  for (const char* name : {"step", "durable_step", "parameter_count", "create_time", "update_time",
                           "last_loss", "state_hash"}) {
    if (v1::Model::GetReflection()->HasField(message,
                                             v1::Model::GetDescriptor()->FindFieldByName(name))) {
      return InvalidField(name, "output only; leave it unset", {}, "OUTPUT_ONLY_FIELD");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<models::ModelSettings> DecodeModelSettings(const v1::Model& message) {
  RETURN_IF_ERROR(CheckModelName("name", message.name()));
  RETURN_IF_ERROR(CheckOutputOnlyFields(message));
  if (!message.has_network()) return RequiredField("network");
  if (!message.has_optimizer()) return RequiredField("optimizer");
  models::ModelSettings settings;
  settings.name = message.name();
  ASSIGN_OR_RETURN(settings.network, DecodeMember("network", DecodeNetworkSpec, message.network()));
  ASSIGN_OR_RETURN(settings.optimizer,
                   DecodeMember("optimizer", DecodeOptimizerSpec, message.optimizer()));
  ASSIGN_OR_RETURN(settings.durability, DecodeDurability("durability", message.durability()));
  ASSIGN_OR_RETURN(settings.labels, DecodeLabels(message.labels()));
  ASSIGN_OR_RETURN(settings.client_data, DecodeClientData(message.client_data()));
  return settings;
}

void EncodeModel(const models::ModelInfo& info, v1::Model* message) {
  using google::protobuf::util::TimeUtil;
  message->set_name(info.settings.name);
  EncodeNetworkSpec(info.settings.network, message->mutable_network());
  EncodeOptimizerSpec(info.settings.optimizer, message->mutable_optimizer());
  message->set_step(info.step);
  message->set_durable_step(info.durable_step);
  message->set_parameter_count(info.parameter_count);
  *message->mutable_create_time() =
      TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(info.create_time));
  *message->mutable_update_time() =
      TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(info.update_time));
  message->set_durability(ToWire(DurabilityRows(), info.settings.durability));
  message->mutable_labels()->insert(info.settings.labels.begin(), info.settings.labels.end());
  message->set_last_loss(info.last_loss);
  message->set_state_hash(info.state_hash);
}

absl::Status CheckModelName(std::string_view field, std::string_view name) {
  constexpr std::size_t kLongestName = 63;
  if (name.empty()) return RequiredField(field);
  const auto is_inner = [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  };
  bool good =
      name.size() <= kLongestName && absl::ascii_islower(static_cast<unsigned char>(name[0]));
  for (const char c : name) good = good && is_inner(c);
  if (good) return absl::OkStatus();
  return InvalidField(field,
                      "expected a lower-case letter, then at most 62 of a-z, 0-9, '.', '_' and '-'",
                      {}, "INVALID_NAME");
}

}  // namespace descent::wire
