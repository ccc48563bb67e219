#include "server/services/model_files.h"

#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/check.h"
#include "core/error.h"
#include "core/optimizers/kinds.h"
#include "core/snapshot.h"
#include "core/status_macros.h"
#include "server/exchange/metadata_keys.h"
#include "server/exchange/model_file.h"
#include "server/exchange/onnx/onnx_export.h"
#include "server/exchange/onnx/onnx_import.h"
#include "server/exchange/safetensors/header.h"
#include "server/exchange/safetensors/reader.h"
#include "server/exchange/safetensors/writer.h"
#include "server/exchange/state_hash.h"

namespace descent::services {
namespace {

// What a header's entries take once they are read, by its bytes.
constexpr std::size_t kHeaderCost = 8;

exchange::FileMetadata MetadataOf(const models::ExportModelOutcome& outcome) {
  exchange::FileMetadata metadata;
  metadata[exchange::kModelKey] = wire::FileModelJson(outcome.info.settings);
  metadata[exchange::kStepKey] = absl::StrCat(outcome.state.step);
  // As many digits as tell every double from every other.
  metadata[exchange::kLastLossKey] = absl::StrFormat("%.17g", outcome.info.last_loss);
  return metadata;
}

class SafetensorsExport final : public ExportedFile {
 public:
  SafetensorsExport(models::ExportModelOutcome outcome, bool with_optimizer)
      : outcome_(std::move(outcome)),
        writer_({.network = *outcome_.network,
                 .optimizer = outcome_.info.settings.optimizer,
                 .state = outcome_.state,
                 .metadata = Metadata(with_optimizer)},
                with_optimizer) {}

  std::string Next(std::size_t most) override { return writer_.Next(most); }

 private:
  exchange::FileMetadata Metadata(bool with_optimizer) const {
    exchange::FileMetadata metadata = MetadataOf(outcome_);
    std::uint64_t hash = outcome_.info.state_hash;
    if (with_optimizer) {
      metadata[exchange::kOptimizerUpdatesKey] = absl::StrCat(outcome_.state.optimizer_updates);
    } else {
      const auto optimizer = MakeOptimizer(outcome_.info.settings.optimizer.algorithm);
      DESCENT_CHECK(optimizer.ok());
      const Snapshot& parameters = outcome_.state.parameters;
      hash = exchange::ImportedStateHash(parameters.parameters(), parameters.statistics().get(),
                                         **optimizer, nullptr);
    }
    metadata[exchange::kStateHashKey] = exchange::StateHashText(hash);
    return metadata;
  }

  const models::ExportModelOutcome outcome_;
  exchange::SafetensorsWriter writer_;
};

class OnnxExport final : public ExportedFile {
 public:
  OnnxExport(std::string bytes, models::MemoryCharge charge)
      : bytes_(std::move(bytes)), charge_(std::move(charge)) {}

  std::string Next(std::size_t most) override {
    std::string piece = bytes_.substr(position_, most);
    position_ += piece.size();
    return piece;
  }

 private:
  const std::string bytes_;
  const models::MemoryCharge charge_;
  std::size_t position_ = 0;
};

absl::StatusOr<std::unique_ptr<ExportedFile>> MakeOnnx(const models::ExportModelOutcome& outcome,
                                                       models::MemoryBudget* memory) {
  // The graph, and its bytes.
  ASSIGN_OR_RETURN(models::MemoryCharge charge,
                   memory->Reserve(models::MemoryPurpose::kUnsent,
                                   2 * outcome.state.parameters.parameters().byte_size()));
  ASSIGN_OR_RETURN(std::string bytes,
                   exchange::WriteOnnx({.network = *outcome.network,
                                        .optimizer = outcome.info.settings.optimizer,
                                        .state = outcome.state,
                                        .metadata = MetadataOf(outcome)}));
  charge.LowerTo(bytes.size());
  return std::make_unique<OnnxExport>(std::move(bytes), std::move(charge));
}

// What the request says goes before what the file says.
models::ModelSettings SettingsOf(wire::ImportRequest request, wire::PartialModel file) {
  models::ModelSettings settings;
  wire::PartialModel& said = request.model;
  settings.name = std::move(request.name);
  if (!said.network.has_value()) said.network = std::move(file.network);
  if (!said.optimizer.has_value()) said.optimizer = file.optimizer;
  settings.network = std::move(said.network).value_or(NetworkSpec());
  settings.optimizer = said.optimizer.value_or(OptimizerSpec());
  settings.durability = said.durability.value_or(models::Durability::kJournal);
  settings.labels = said.labels.empty() ? std::move(file.labels) : std::move(said.labels);
  settings.client_data =
      said.client_data.empty() ? std::move(file.client_data) : std::move(said.client_data);
  return settings;
}

// The state of a model that was read, with an optimizer that begins if the file has none.
absl::StatusOr<TrainerState> StateOf(exchange::ImportedModel model, const OptimizerSpec& spec) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Optimizer> optimizer, MakeOptimizer(spec.algorithm));
  TrainerState state;
  state.step = model.step;
  const DataType type = model.parameters.type();
  const std::int64_t size = model.parameters.size();
  state.parameters = SnapshotPool(type, size).Acquire(model.step);
  *SnapshotPool::mutable_parameters(state.parameters) = std::move(model.parameters);
  SnapshotPool::SetStatistics(state.parameters, std::move(model.statistics));
  if (model.optimizer_state.has_value()) {
    state.optimizer_updates = model.optimizer_state->updates;
    state.slots = std::move(model.optimizer_state->slots);
    state.scalars = std::move(model.optimizer_state->scalars);
    return state;
  }
  for (std::size_t i = 0; i < optimizer->slot_names().size(); ++i) {
    Buffer& slot = state.slots.emplace_back(type, size);
    const double initial = optimizer->InitialSlotValue(static_cast<int>(i));
    for (std::int64_t j = 0; initial != 0 && j < size; ++j) slot.Set(j, initial);
  }
  for (std::size_t i = 0; i < optimizer->scalar_names().size(); ++i) {
    state.scalars.push_back(optimizer->InitialScalarValue(static_cast<int>(i)));
  }
  return state;
}

// Of parameters and slots.
absl::StatusOr<std::size_t> StateBytes(const Network& network, const OptimizerSpec& spec) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Optimizer> optimizer, MakeOptimizer(spec.algorithm));
  return (1 + optimizer->slot_names().size()) * static_cast<std::size_t>(network.layout().size()) *
         ByteWidth(network.data_type());
}

// Of files that say none, 0.
double LastLossOf(const exchange::FileMetadata& metadata) {
  const auto found = metadata.find(exchange::kLastLossKey);
  double loss = 0;
  if (found == metadata.end() || !absl::SimpleAtod(found->second, &loss)) return 0;
  return std::isfinite(loss) ? loss : 0;
}

// Neither the file nor the request says that part of the model.
absl::Status Missing(std::string_view part) {
  return InvalidField(absl::StrCat("start.model.", std::string(part)),
                      "the file does not say it, so the request has to", {}, "REQUIRED_FIELD");
}

// What the file's metadata say of the model; nothing if it is not one that a server wrote.
absl::StatusOr<wire::PartialModel> DescriptionIn(const exchange::FileMetadata& metadata,
                                                 std::size_t held_bytes,
                                                 models::MemoryCharge* charge) {
  const auto found = metadata.find(exchange::kModelKey);
  if (found == metadata.end()) return wire::PartialModel();
  RETURN_IF_ERROR(charge->TryRaise(held_bytes + wire::kJsonCost * found->second.size()));
  return wire::ReadFileModelJson(found->second);
}

// The last steps of reading, alike for all formats.
absl::StatusOr<models::ImportModelCommand> CommandOf(models::ModelSettings settings,
                                                     exchange::ImportedModel model,
                                                     models::MemoryCharge* charge) {
  models::ImportModelCommand command;
  command.last_loss = LastLossOf(model.metadata);
  command.settings = std::move(settings);
  ASSIGN_OR_RETURN(command.state, StateOf(std::move(model), command.settings.optimizer));
  std::size_t bytes = command.state.parameters.parameters().byte_size();
  for (const Buffer& slot : command.state.slots) bytes += slot.byte_size();
  charge->LowerTo(bytes);
  return command;
}

absl::Status CheckOptimizer(const OptimizerSpec& optimizer) {
  return WithFieldPrefix(ValidateOptimizerSpec(optimizer), "model.optimizer");
}

absl::StatusOr<models::ImportModelCommand> ReadSafetensors(wire::ImportRequest request,
                                                           absl::Cord file,
                                                           models::MemoryCharge* charge) {
  const std::size_t held_bytes = file.size() + kHeaderCost * exchange::HeaderBytesIn(file);
  RETURN_IF_ERROR(charge->TryRaise(held_bytes));
  ASSIGN_OR_RETURN(exchange::SafetensorsFile opened,
                   exchange::SafetensorsFile::Open(std::move(file)));
  ASSIGN_OR_RETURN(wire::PartialModel described,
                   DescriptionIn(opened.metadata(), held_bytes, charge));
  if (!request.model.network.has_value() && !described.network.has_value()) {
    return Missing("network");
  }
  if (!request.model.optimizer.has_value() && !described.optimizer.has_value()) {
    return Missing("optimizer");
  }
  const bool other_optimizer = request.model.optimizer.has_value();
  models::ModelSettings settings = SettingsOf(std::move(request), std::move(described));
  auto network = Network::Create(settings.network);
  if (!network.ok()) return WithFieldPrefix(std::move(network).status(), "model.network");
  RETURN_IF_ERROR(CheckOptimizer(settings.optimizer));
  ASSIGN_OR_RETURN(const std::size_t state_bytes, StateBytes(**network, settings.optimizer));
  RETURN_IF_ERROR(charge->TryRaise(held_bytes + state_bytes));
  ASSIGN_OR_RETURN(exchange::ImportedModel model,
                   std::move(opened).Read(**network, settings.optimizer, other_optimizer));
  return CommandOf(std::move(settings), std::move(model), charge);
}

absl::StatusOr<models::ImportModelCommand> ReadOnnxFile(wire::ImportRequest request,
                                                        absl::Cord file,
                                                        models::MemoryCharge* charge) {
  // In one piece beside what has come.
  RETURN_IF_ERROR(charge->TryRaise(2 * file.size()));
  const std::string bytes(file);
  file.Clear();
  ASSIGN_OR_RETURN(const std::int64_t reading_bytes, exchange::BytesToReadOnnx(bytes));
  const std::size_t held_bytes = bytes.size() + static_cast<std::size_t>(reading_bytes);
  RETURN_IF_ERROR(charge->TryRaise(held_bytes));
  ASSIGN_OR_RETURN(const exchange::FileMetadata metadata, exchange::ReadOnnxMetadata(bytes));
  ASSIGN_OR_RETURN(wire::PartialModel described, DescriptionIn(metadata, held_bytes, charge));
  if (!request.model.optimizer.has_value() && !described.optimizer.has_value()) {
    return Missing("optimizer");
  }
  if (request.loss.has_value() && described.network.has_value()) {
    described.network->loss = *request.loss;
  }
  ASSIGN_OR_RETURN(exchange::ImportedModel model,
                   exchange::ReadOnnx(bytes, {.network = request.model.network,
                                              .described = described.network,
                                              .loss = request.loss}));
  described.network = model.network;
  request.model.network.reset();
  models::ModelSettings settings = SettingsOf(std::move(request), std::move(described));
  RETURN_IF_ERROR(CheckOptimizer(settings.optimizer));
  auto network = Network::Create(settings.network);
  if (!network.ok()) return WithFieldPrefix(std::move(network).status(), "model.network");
  ASSIGN_OR_RETURN(const std::size_t state_bytes, StateBytes(**network, settings.optimizer));
  RETURN_IF_ERROR(charge->TryRaise(held_bytes + state_bytes));
  if ((*network)->normalizes_inputs() && model.statistics == nullptr) {
    model.statistics = std::make_shared<const InputStatistics>((*network)->input_features());
  }
  return CommandOf(std::move(settings), std::move(model), charge);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExportedFile>> MakeFile(wire::FileFormat format,
                                                       models::ExportModelOutcome outcome,
                                                       bool with_optimizer,
                                                       models::MemoryBudget* memory) {
  if (format == wire::FileFormat::kOnnx) return MakeOnnx(outcome, memory);
  return std::make_unique<SafetensorsExport>(std::move(outcome), with_optimizer);
}

absl::Status CheckFileBeginning(wire::FileFormat format, const absl::Cord& file) {
  return format == wire::FileFormat::kOnnx ? absl::OkStatus() : exchange::CheckBeginning(file);
}

absl::StatusOr<models::ImportModelCommand> ReadFile(wire::ImportRequest request, absl::Cord file,
                                                    models::MemoryCharge* charge) {
  if (request.format == wire::FileFormat::kOnnx) {
    return ReadOnnxFile(std::move(request), std::move(file), charge);
  }
  return ReadSafetensors(std::move(request), std::move(file), charge);
}

}  // namespace descent::services
