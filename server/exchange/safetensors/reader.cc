#include "server/exchange/safetensors/reader.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/optimizers/kinds.h"
#include "core/optimizers/state_bounds.h"
#include "core/status_macros.h"
#include "server/exchange/metadata_keys.h"
#include "server/exchange/safetensors/element_type.h"
#include "server/exchange/safetensors/names.h"
#include "server/exchange/safetensors/torch_names.h"
#include "server/exchange/state_hash.h"

namespace descent::exchange {
namespace {

// Steps are counted in 64 bits; no training comes so far, and sums with it do not overflow.
constexpr std::int64_t kMostSteps = std::int64_t{1} << 53;
constexpr std::int64_t kMostRows = kMostSteps;
// Read at a time: a multiple of every type's width.
constexpr std::int64_t kBlockBytes = std::int64_t{64} << 10;

absl::Status TensorMismatch(std::string_view name, std::string_view what) {
  const std::string quoted = QuotedName(name);
  return InvalidFile(
      "FILE_MISMATCH",
      absl::StrCat("tensor ", quoted, ": ", absl::string_view(what.data(), what.size())),
      {{"tensor", quoted}});
}

// Where a tensor's numbers go.
struct Place {
  enum class Kind : std::uint8_t {
    kLaidOut,  // elements of `buffer` from `offset` on
    kTurned,   // the same, columns and rows exchanged
    kDoubles,  // `doubles`, F64
    kInteger,  // `integer`, I64
    kLeftOut,
  };
  Kind kind = Kind::kLaidOut;
  std::vector<std::int64_t> shape;  // in the file
  Buffer* buffer = nullptr;
  std::int64_t offset = 0;
  double* doubles = nullptr;
  std::int64_t* integer = nullptr;
  bool is_filled = false;
};

class ModelReader {
 public:
  ModelReader(const SafetensorsHeader& header, const Network& network, const OptimizerSpec& spec,
              bool other_optimizer)
      : header_(header), network_(network), spec_(spec), other_optimizer_(other_optimizer) {}

  absl::StatusOr<ImportedModel> Read(absl::Cord file) {
    ASSIGN_OR_RETURN(optimizer_, MakeOptimizer(spec_.algorithm));
    RETURN_IF_ERROR(ReadCounts());
    RETURN_IF_ERROR(PlaceParameters());
    PlaceStatistics();
    RETURN_IF_ERROR(PlaceOptimizer());
    RETURN_IF_ERROR(CheckTensors());
    Allocate();
    file.RemovePrefix(static_cast<std::size_t>(header_.data_begin));
    for (const TensorEntry& tensor : header_.tensors) Fill(tensor, &file);
    FillBetween();
    RETURN_IF_ERROR(CheckValues());
    model_.network = network_.spec();
    RETURN_IF_ERROR(CheckHash());
    return std::move(model_);
  }

 private:
  // A whole number in the metadata; unset if it is not there.
  absl::StatusOr<std::optional<std::int64_t>> Count(const std::string& key) const {
    const auto found = header_.metadata.find(key);
    if (found == header_.metadata.end()) return std::nullopt;
    std::int64_t value = 0;
    if (absl::SimpleAtoi(found->second, &value) && value >= 0 && value <= kMostSteps) return value;
    return InvalidFile("MALFORMED_FILE",
                       absl::StrCat("its metadata: expected ", key, " from 0 to ", kMostSteps,
                                    ", got ", QuotedName(found->second)));
  }

  absl::Status ReadCounts() {
    ASSIGN_OR_RETURN(const std::optional<std::int64_t> step, Count(kStepKey));
    model_.step = step.value_or(0);
    ASSIGN_OR_RETURN(updates_, Count(kOptimizerUpdatesKey));
    const std::int64_t updates = updates_.value_or(0);
    if (updates <= model_.step) return absl::OkStatus();
    return InvalidFile("MALFORMED_FILE",
                       absl::StrCat("its metadata: expected ", kOptimizerUpdatesKey, " up to ",
                                    kStepKey, ", ", model_.step, ", got ", updates));
  }

  absl::Status PlaceParameters() {
    const ParameterLayout& layout = network_.layout();
    if (!HaveTorchNames(header_.tensors, layout)) {
      for (const ParameterInfo& parameter : layout.parameters()) {
        AddLaidOut(parameter.name, parameter, &model_.parameters);
      }
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const auto matches, MatchTorchNames(header_.tensors, layout));
    for (const auto& [name, parameter] : matches) {
      Place& place = AddLaidOut(std::string(name), *parameter, &model_.parameters);
      if (parameter->shape.size() != 2 || parameter->is_table) continue;
      place.kind = Place::Kind::kTurned;
      std::swap(place.shape[0], place.shape[1]);
    }
    return absl::OkStatus();
  }

  Place& AddLaidOut(std::string name, const ParameterInfo& parameter, Buffer* buffer) {
    return places_
        .emplace(std::move(name),
                 Place{.shape = parameter.shape, .buffer = buffer, .offset = parameter.offset})
        .first->second;
  }

  void PlaceStatistics() {
    if (!network_.normalizes_inputs()) return;
    const std::int64_t features = network_.input_features();
    // All of them, or none: of a file that was written elsewhere.
    const auto is_one = [](const TensorEntry& tensor) {
      return tensor.name == kMeanName || tensor.name == kSquaresName || tensor.name == kRowsName ||
             tensor.name == kWeightSumName;
    };
    if (std::ranges::none_of(header_.tensors, is_one)) return;
    statistics_.assign(2 + 2 * static_cast<std::size_t>(features), 0.0);
    const auto add = [&](const char* name, std::size_t first, std::vector<std::int64_t> shape) {
      places_[name] = Place{
          .kind = Place::Kind::kDoubles, .shape = std::move(shape), .doubles = &statistics_[first]};
    };
    add(kMeanName, 2, {features});
    add(kSquaresName, 2 + static_cast<std::size_t>(features), {features});
    add(kWeightSumName, 1, {});
    places_[kRowsName] = Place{.kind = Place::Kind::kInteger, .shape = {}, .integer = &rows_};
  }

  static bool IsOptimizers(const TensorEntry& tensor) {
    return absl::StartsWith(tensor.name, kOptimizerPrefix);
  }

  absl::Status PlaceOptimizer() {
    const auto names_of = [](const auto& names) {
      return std::vector<std::string_view>(names.begin(), names.end());
    };
    const std::vector<std::string_view> slots = names_of(optimizer_->slot_names());
    const std::vector<std::string_view> scalars = names_of(optimizer_->scalar_names());
    if (!updates_.has_value()) {
      const auto first = std::ranges::find_if(header_.tensors, IsOptimizers);
      if (first == header_.tensors.end()) return absl::OkStatus();
      return TensorMismatch(first->name, absl::StrCat("expected ", kOptimizerUpdatesKey,
                                                      " in the metadata beside it"));
    }
    ImportedOptimizerState& state = model_.optimizer_state.emplace();
    state.updates = *updates_;
    state.slots.resize(slots.size());
    state.scalars.resize(scalars.size());
    std::map<std::string, Place> places;
    places.swap(places_);
    for (std::size_t i = 0; i < slots.size(); ++i) {
      for (const ParameterInfo& parameter : network_.layout().parameters()) {
        AddLaidOut(SlotName(slots[i], parameter.name), parameter, &state.slots[i]);
      }
      between_.push_back(optimizer_->InitialSlotValue(static_cast<int>(i)));
    }
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const std::string name = ScalarName(slots[i]);
      if (std::ranges::find(header_.tensors, name, &TensorEntry::name) == header_.tensors.end()) {
        continue;
      }
      places_[name] = Place{.kind = Place::Kind::kDoubles, .shape = {}, .doubles = &between_[i]};
    }
    for (std::size_t i = 0; i < scalars.size(); ++i) {
      places_[ScalarName(scalars[i])] =
          Place{.kind = Place::Kind::kDoubles, .shape = {}, .doubles = &state.scalars[i]};
    }
    std::size_t known = 0;
    std::size_t unknown = 0;
    for (const TensorEntry& tensor : header_.tensors) {
      if (IsOptimizers(tensor)) ++(places_.contains(tensor.name) ? known : unknown);
    }
    if (other_optimizer_ && (unknown > 0 || known < places_.size())) {
      model_.optimizer_state.reset();
      places_.clear();
      for (const TensorEntry& tensor : header_.tensors) {
        if (IsOptimizers(tensor)) {
          places_[tensor.name] = Place{.kind = Place::Kind::kLeftOut, .shape = tensor.shape};
        }
      }
    }
    places_.merge(places);
    return absl::OkStatus();
  }

  absl::Status CheckTensors() {
    for (const TensorEntry& tensor : header_.tensors) {
      const auto found = places_.find(tensor.name);
      if (found == places_.end()) {
        return TensorMismatch(tensor.name, IsOptimizers(tensor)
                                               ? "the optimizer has no such state"
                                               : "the network has no such parameter");
      }
      Place& place = found->second;
      place.is_filled = true;
      if (place.shape != tensor.shape) {
        return TensorMismatch(tensor.name, absl::StrCat("expected ", ShapeText(place.shape),
                                                        ", got ", ShapeText(tensor.shape)));
      }
      RETURN_IF_ERROR(CheckType(tensor, place.kind));
    }
    for (const auto& [name, place] : places_) {
      if (place.is_filled) continue;
      return InvalidFile("FILE_MISMATCH",
                         absl::StrCat("expected a tensor ", QuotedName(name), " ",
                                      ShapeText(place.shape), ", of which it has none"),
                         {{"tensor", QuotedName(name)}});
    }
    return absl::OkStatus();
  }

  absl::Status CheckType(const TensorEntry& tensor, Place::Kind kind) const {
    const absl::string_view type(tensor.type->name.data(), tensor.type->name.size());
    switch (kind) {
      case Place::Kind::kLeftOut:
        return absl::OkStatus();
      case Place::Kind::kInteger:
        if (tensor.type->name == kInt64Name) return absl::OkStatus();
        return TensorMismatch(tensor.name, absl::StrCat("expected I64, got ", type));
      case Place::Kind::kDoubles:
        if (tensor.type->name == kFloat64Name) return absl::OkStatus();
        return TensorMismatch(tensor.name, absl::StrCat("expected F64, got ", type));
      default:
        break;
    }
    if (tensor.type->Fits(network_.data_type())) return absl::OkStatus();
    if (!tensor.type->fits_float64) {
      return TensorMismatch(tensor.name,
                            absl::StrCat("expected F64, F32, F16 or BF16, got ", type));
    }
    return TensorMismatch(
        tensor.name,
        absl::StrCat("its ", type, " numbers would have to be rounded to the network's ",
                     DataTypeName(network_.data_type()),
                     ": expected a network of float64, or F32, F16 or BF16"));
  }

  void Allocate() {
    const DataType type = network_.data_type();
    const std::int64_t size = network_.layout().size();
    model_.parameters = Buffer(type, size);
    if (!model_.optimizer_state.has_value()) return;
    for (Buffer& slot : model_.optimizer_state->slots) slot = Buffer(type, size);
  }

  // What lies between the parameters is part of the state as it is hashed.
  void FillBetween() {
    if (!model_.optimizer_state.has_value()) return;
    for (std::size_t i = 0; i < between_.size(); ++i) {
      Buffer& slot = model_.optimizer_state->slots[i];
      if (between_[i] == 0) continue;
      std::int64_t end = 0;
      const auto fill_to = [&](std::int64_t begin) {
        for (; end < begin; ++end) slot.Set(end, between_[i]);
      };
      for (const ParameterInfo& parameter : network_.layout().parameters()) {
        fill_to(parameter.offset);
        end = parameter.offset + parameter.size;
      }
      fill_to(slot.size());
    }
  }

  // Takes the tensor's bytes off the front of `bytes`, block by block.
  void Fill(const TensorEntry& tensor, absl::Cord* bytes) {
    const Place& place = places_.at(tensor.name);
    const auto width = static_cast<std::int64_t>(tensor.type->width);
    std::string block;
    for (std::int64_t at = 0; at < tensor.end - tensor.begin; at += kBlockBytes) {
      const std::int64_t size = std::min(kBlockBytes, tensor.end - tensor.begin - at);
      absl::CopyCordToString(bytes->Subcord(0, static_cast<std::size_t>(size)), &block);
      bytes->RemovePrefix(static_cast<std::size_t>(size));
      FillSome(tensor, place, block.data(), at / width, size / width);
    }
  }

  static void FillSome(const TensorEntry& tensor, const Place& place, const char* bytes,
                       std::int64_t first, std::int64_t count) {
    switch (place.kind) {
      case Place::Kind::kLaidOut:
        CopyElements(*tensor.type, bytes, count, place.buffer, place.offset + first);
        return;
      case Place::Kind::kTurned: {
        const std::int64_t rows = place.shape[0];
        const std::int64_t cols = place.shape[1];
        for (std::int64_t i = 0; i < count; ++i) {
          const std::int64_t row = (first + i) / cols;
          const std::int64_t col = (first + i) % cols;
          place.buffer->Set(place.offset + col * rows + row, ElementAt(*tensor.type, bytes, i));
        }
        return;
      }
      case Place::Kind::kDoubles:
        std::memcpy(place.doubles + first, bytes, static_cast<std::size_t>(count) * sizeof(double));
        return;
      case Place::Kind::kInteger:
        std::memcpy(place.integer, bytes, sizeof *place.integer);
        return;
      case Place::Kind::kLeftOut:
        return;
    }
  }

  absl::Status CheckValues() {
    RETURN_IF_ERROR(CheckFinite(network_.layout(), model_.parameters));
    RETURN_IF_ERROR(TakeStatistics());
    if (!model_.optimizer_state.has_value()) return absl::OkStatus();
    const ImportedOptimizerState& state = *model_.optimizer_state;
    for (std::size_t i = 0; i < state.slots.size(); ++i) {
      const std::string_view name = optimizer_->slot_names()[i];
      RETURN_IF_ERROR(CheckBounds(ScalarName(name), BoundsOfState(name), between_[i]));
      RETURN_IF_ERROR(CheckSlot(name, state.slots[i]));
    }
    for (std::size_t i = 0; i < state.scalars.size(); ++i) {
      const std::string_view name = optimizer_->scalar_names()[i];
      RETURN_IF_ERROR(CheckBounds(ScalarName(name), BoundsOfState(name), state.scalars[i]));
    }
    return absl::OkStatus();
  }

  absl::Status CheckSlot(std::string_view name, const Buffer& slot) const {
    const StateBounds bounds = BoundsOfState(name);
    for (const ParameterInfo& parameter : network_.layout().parameters()) {
      for (std::int64_t i = 0; i < parameter.size; ++i) {
        const double value = slot.At(parameter.offset + i);
        if (bounds.Contain(value)) continue;
        return CheckBounds(SlotName(name, parameter.name), bounds, value);
      }
    }
    return absl::OkStatus();
  }

  static absl::Status CheckBounds(const std::string& name, const StateBounds& bounds,
                                  double value) {
    if (bounds.Contain(value)) return absl::OkStatus();
    return InvalidFile("NON_FINITE_VALUE",
                       absl::StrCat("tensor ", QuotedName(name), ": expected values from ",
                                    bounds.least, " to ", bounds.most, ", got ", value),
                       {{"tensor", QuotedName(name)}});
  }

  absl::Status TakeStatistics() {
    if (!network_.normalizes_inputs()) return absl::OkStatus();
    if (statistics_.empty()) {
      model_.statistics = std::make_shared<const InputStatistics>(network_.input_features());
      return absl::OkStatus();
    }
    const auto rows = static_cast<double>(rows_);
    if (rows_ < 0 || rows_ > kMostRows) {
      return TensorMismatch(kRowsName, absl::StrCat("expected 0 to ", kMostRows, ", got ", rows_));
    }
    statistics_[0] = rows;
    RETURN_IF_ERROR(CheckBounds(kWeightSumName, {.least = 0, .most = rows}, statistics_[1]));
    if (rows_ > 0 && statistics_[1] == 0) {
      return TensorMismatch(kWeightSumName,
                            absl::StrCat("expected more than 0 of ", rows_, " rows"));
    }
    const std::size_t features = statistics_.size() / 2 - 1;
    for (std::size_t i = 0; i < features; ++i) {
      RETURN_IF_ERROR(CheckBounds(kMeanName, {}, statistics_[2 + i]));
      RETURN_IF_ERROR(CheckBounds(kSquaresName, {.least = 0}, statistics_[2 + features + i]));
    }
    model_.statistics = std::make_shared<const InputStatistics>(std::move(statistics_));
    return absl::OkStatus();
  }

  absl::Status CheckHash() {
    const auto found = header_.metadata.find(kStateHashKey);
    if (found == header_.metadata.end() || other_optimizer_) return absl::OkStatus();
    OptimizerStateView view;
    if (const auto& state = model_.optimizer_state; state.has_value()) {
      view = {.slots = state->slots, .scalars = state->scalars, .updates = state->updates};
    }
    const std::string hash =
        StateHashText(ImportedStateHash(model_.parameters, model_.statistics.get(), *optimizer_,
                                        model_.optimizer_state.has_value() ? &view : nullptr));
    if (hash == found->second) return absl::OkStatus();
    return InvalidFile(
        "MALFORMED_FILE",
        absl::StrCat("its tensors hash to ", hash, ", and its metadata say ",
                     QuotedName(found->second), ": it was damaged, or changed, and then ",
                     kStateHashKey, " has to go"));
  }

  const SafetensorsHeader& header_;
  const Network& network_;
  const OptimizerSpec& spec_;
  const bool other_optimizer_;
  std::unique_ptr<Optimizer> optimizer_;
  std::optional<std::int64_t> updates_;
  std::vector<double> between_;  // of each slot: between its parameters

  std::map<std::string, Place> places_;  // by the tensor's name
  ImportedModel model_;
  std::vector<double> statistics_;  // as InputStatistics::values; empty: the file has none
  std::int64_t rows_ = 0;
};

}  // namespace

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(absl::Cord file) {
  ASSIGN_OR_RETURN(SafetensorsHeader header, ReadHeader(file));
  return SafetensorsFile(std::move(file), std::move(header));
}

absl::StatusOr<ImportedModel> SafetensorsFile::Read(const Network& network,
                                                    const OptimizerSpec& optimizer,
                                                    bool other_optimizer) && {
  ModelReader reader(header_, network, optimizer, other_optimizer);
  ASSIGN_OR_RETURN(ImportedModel model, reader.Read(std::move(file_)));
  model.metadata = std::move(header_.metadata);
  return model;
}

}  // namespace descent::exchange
