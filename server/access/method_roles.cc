#include "server/access/method_roles.h"

#include <utility>

#include "absl/container/flat_hash_map.h"

namespace descent::access {
namespace {

constexpr std::string_view kModels = "descent.v1.ModelService";
constexpr std::string_view kNetwork = "descent.v1.NetworkService";
constexpr std::string_view kServer = "descent.v1.AdminService";
constexpr std::string_view kInference = "inference.GRPCInferenceService";
constexpr std::string_view kHealth = "grpc.health.v1.Health";
constexpr std::string_view kReflection = "grpc.reflection.v1.ServerReflection";
constexpr std::string_view kOldReflection = "grpc.reflection.v1alpha.ServerReflection";

// Who may train a model may set its parameters, or go back to a checkpoint: steps can take it
// there as well. Whoever may read a model may export it, for what is in the file can be read.
constexpr MethodRole kMethodRoles[] = {
    {{kModels, "CreateModel"}, Role::kAdmin, Scope::kOneModel},
    {{kModels, "GetModel"}, Role::kReader, Scope::kOneModel},
    {{kModels, "ListModels"}, Role::kReader, Scope::kSomeModels},
    {{kModels, "DeleteModel"}, Role::kAdmin, Scope::kOneModel},
    {{kModels, "UpdateModel"}, Role::kAdmin, Scope::kOneModel},
    {{kModels, "GetParameters"}, Role::kReader, Scope::kOneModel},
    {{kModels, "SetParameters"}, Role::kTrainer, Scope::kOneModel},
    {{kModels, "CreateCheckpoint"}, Role::kTrainer, Scope::kOneModel},
    {{kModels, "ListCheckpoints"}, Role::kReader, Scope::kOneModel},
    {{kModels, "RestoreCheckpoint"}, Role::kTrainer, Scope::kOneModel},
    {{kModels, "DeleteCheckpoint"}, Role::kTrainer, Scope::kOneModel},
    {{kModels, "ListHistory"}, Role::kReader, Scope::kOneModel},
    {{kModels, "ExportModel"}, Role::kReader, Scope::kOneModel},
    {{kModels, "ImportModel"}, Role::kAdmin, Scope::kOneModel},

    {{kNetwork, "Forward"}, Role::kReader, Scope::kOneModel},
    {{kNetwork, "Gradient"}, Role::kTrainer, Scope::kOneModel},
    {{kNetwork, "Step"}, Role::kTrainer, Scope::kOneModel},
    {{kNetwork, "Train"}, Role::kTrainer, Scope::kOneModel},
    {{kNetwork, "Predict"}, Role::kReader, Scope::kOneModel},
    {{kNetwork, "Evaluate"}, Role::kReader, Scope::kOneModel},

    {{kServer, "Backup"}, Role::kAdmin, Scope::kEveryModel},

    {{kInference, "ServerLive"}, Role::kReader, Scope::kServerAlone},
    {{kInference, "ServerReady"}, Role::kReader, Scope::kServerAlone},
    {{kInference, "ServerMetadata"}, Role::kReader, Scope::kServerAlone},
    {{kInference, "ModelReady"}, Role::kReader, Scope::kOneModel},
    {{kInference, "ModelMetadata"}, Role::kReader, Scope::kOneModel},
    {{kInference, "ModelInfer"}, Role::kReader, Scope::kOneModel},

    {{kHealth, "Check"}, Role::kReader, Scope::kServerAlone},
    {{kHealth, "List"}, Role::kReader, Scope::kServerAlone},
    {{kHealth, "Watch"}, Role::kReader, Scope::kServerAlone},
    {{kReflection, "ServerReflectionInfo"}, Role::kReader, Scope::kServerAlone},
    {{kOldReflection, "ServerReflectionInfo"}, Role::kReader, Scope::kServerAlone},
};

using Name = std::pair<std::string_view, std::string_view>;

absl::flat_hash_map<Name, const MethodRole*> IndexByName() {
  absl::flat_hash_map<Name, const MethodRole*> index;
  for (const MethodRole& role : kMethodRoles) index[{role.name.service, role.name.method}] = &role;
  return index;
}

}  // namespace

absl::Span<const MethodRole> MethodRoles() { return kMethodRoles; }

const MethodRole* FindMethodRole(const services::MethodName& name) {
  static const auto* const kIndex = new absl::flat_hash_map<Name, const MethodRole*>(IndexByName());
  const auto found = kIndex->find({name.service, name.method});
  return found == kIndex->end() ? nullptr : found->second;
}

}  // namespace descent::access
