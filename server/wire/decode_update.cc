#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "google/protobuf/util/field_mask_util.h"
#include "server/wire/decode.h"
#include "server/wire/request_fields.h"
#include "server/wire/specs.h"
#include "server/wire/unknown_fields.h"

namespace descent::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::FieldMask;
using google::protobuf::Message;
using google::protobuf::util::FieldMaskUtil;

// The mask of a request that has none: whatever is set, as long as it may be changed.
absl::StatusOr<FieldMask> ImpliedMask(const v1::Model& model) {
  std::vector<const FieldDescriptor*> fields;
  v1::Model::GetReflection()->ListFields(model, &fields);
  FieldMask mask;
  for (const FieldDescriptor* field : fields) {
    const std::string name(field->name());
    if (name == "name") continue;
    if (name != "optimizer" && name != "durability" && name != "labels" && name != "client_data") {
      return ContradictoryField(absl::StrCat("model.", name),
                                "cannot be changed; say in update_mask what to change");
    }
    mask.add_paths(name);
  }
  return mask;
}

// Refuses a path into a case of a oneof that is not the one that is set, such as a hyperparameter
// of another algorithm.
absl::Status CheckCases(const std::string& path, const v1::Model& current) {
  std::vector<std::string> names = absl::StrSplit(path, '.');
  names.pop_back();
  const Message* message = &current;
  for (const std::string& name : names) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
    if (field->containing_oneof() != nullptr &&
        !message->GetReflection()->HasField(*message, field)) {
      return ContradictoryField("update_mask", absl::StrCat("the model has no ", name, " for ",
                                                            path, " to be a part of"));
    }
    message = &message->GetReflection()->GetMessage(*message, field);
  }
  return absl::OkStatus();
}

// `current` with what the paths name taken from `wanted`.
absl::StatusOr<OptimizerSpec> MergeOptimizer(const v1::Model& wanted, const FieldMask& paths,
                                             const OptimizerSpec& current) {
  v1::Model merged;
  EncodeOptimizerSpec(current, merged.mutable_optimizer());
  for (const std::string& path : paths.paths()) RETURN_IF_ERROR(CheckCases(path, merged));
  FieldMaskUtil::MergeOptions replace;
  replace.set_replace_message_fields(true);
  FieldMaskUtil::MergeMessageTo(wanted, paths, replace, &merged);
  if (!merged.has_optimizer()) return RequiredField("model.optimizer");
  auto optimizer = DecodeOptimizerSpec(merged.optimizer());
  if (!optimizer.ok()) return WithFieldPrefix(std::move(optimizer).status(), "model.optimizer");
  return optimizer;
}

}  // namespace

absl::StatusOr<models::UpdateModelCommand> Decode(const v1::UpdateModelRequest& request,
                                                  const models::ModelSettings& current) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  models::UpdateModelCommand command;
  ASSIGN_OR_RETURN(command.request, DecodeRequestKey(request));
  FieldMask mask = request.update_mask();
  if (!request.has_update_mask()) {
    ASSIGN_OR_RETURN(mask, ImpliedMask(request.model()));
  }
  if (mask.paths().empty()) return RequiredField("update_mask");

  FieldMask optimizer_paths;
  for (const std::string& path : mask.paths()) {
    if (path == "durability") {
      ASSIGN_OR_RETURN(command.durability,
                       DecodeDurability("model.durability", request.model().durability()));
    } else if (path == "labels") {
      auto labels = DecodeLabels(request.model().labels());
      if (!labels.ok()) return WithFieldPrefix(std::move(labels).status(), "model");
      command.labels = *std::move(labels);
    } else if (path == "client_data") {
      auto client_data = DecodeClientData(request.model().client_data());
      if (!client_data.ok()) return WithFieldPrefix(std::move(client_data).status(), "model");
      command.client_data = *std::move(client_data);
    } else if (absl::StartsWith(path, "optimizer") && FieldMaskUtil::IsValidPath<v1::Model>(path)) {
      optimizer_paths.add_paths(path);
    } else {
      return InvalidField(
          "update_mask",
          absl::StrCat("expected paths of optimizer, durability, labels or client_data, got ",
                       path));
    }
  }
  if (!optimizer_paths.paths().empty()) {
    ASSIGN_OR_RETURN(command.optimizer,
                     MergeOptimizer(request.model(), optimizer_paths, current.optimizer));
  }
  return command;
}

}  // namespace descent::wire
