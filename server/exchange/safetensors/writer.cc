#include "server/exchange/safetensors/writer.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/check.h"
#include "core/optimizers/kinds.h"
#include "nlohmann/json.hpp"
#include "server/exchange/safetensors/element_type.h"
#include "server/exchange/safetensors/header.h"
#include "server/exchange/safetensors/names.h"

namespace descent::exchange {
namespace {

// Text as JSON has it. What is no UTF-8 could not be read again.
std::string JsonText(std::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

template <typename T>
std::string BytesOfNumber(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string BytesOfNumbers(absl::Span<const double> values) {
  std::string bytes(values.size() * sizeof(double), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// An element between parameters, or -1.
std::int64_t FirstGap(const ParameterLayout& layout) {
  std::int64_t end = 0;
  for (const ParameterInfo& parameter : layout.parameters()) {
    if (parameter.offset > end) return end;
    end = parameter.offset + parameter.size;
  }
  return end < layout.size() ? end : -1;
}

}  // namespace

struct SafetensorsWriter::Tensor {
  std::string name;
  const ElementType* type = nullptr;
  std::vector<std::int64_t> shape;
  Piece piece;
};

SafetensorsWriter::SafetensorsWriter(const ExportedModel& model, bool with_optimizer) {
  std::vector<Tensor> tensors = TensorsOf(model, with_optimizer);
  std::ranges::sort(tensors, [](const Tensor& a, const Tensor& b) {
    return std::tie(b.type->width, a.name) < std::tie(a.type->width, b.name);
  });
  std::string json = "{";
  if (!model.metadata.empty()) {
    json += "\"__metadata__\":{";
    for (const auto& [key, value] : model.metadata) {
      absl::StrAppend(&json, json.back() == '{' ? "" : ",", JsonText(key), ":", JsonText(value));
    }
    json += "}";
  }
  std::size_t begin = 0;
  for (const Tensor& tensor : tensors) {
    const std::size_t end = begin + tensor.piece.size;
    absl::StrAppend(&json, json.size() == 1 ? "" : ",", JsonText(tensor.name), ":{\"dtype\":\"",
                    absl::string_view(tensor.type->name.data(), tensor.type->name.size()),
                    "\",\"shape\":[");
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      absl::StrAppend(&json, i == 0 ? "" : ",", tensor.shape[i]);
    }
    absl::StrAppend(&json, "],\"data_offsets\":[", begin, ",", end, "]}");
    begin = end;
  }
  json += "}";
  // The tensors begin at a multiple of their widest type.
  json.append((8 - json.size() % 8) % 8, ' ');
  header_ = BytesOfNumber(static_cast<std::uint64_t>(json.size())) + json;
  pieces_.push_back({header_.data(), header_.size()});
  for (const Tensor& tensor : tensors) pieces_.push_back(tensor.piece);
  for (const Piece& piece : pieces_) size_bytes_ += static_cast<std::int64_t>(piece.size);
}

SafetensorsWriter::Tensor SafetensorsWriter::OwnTensor(std::string name, std::string_view type,
                                                       std::string bytes) {
  const std::string& kept = own_.emplace_back(std::move(bytes));
  return {.name = std::move(name),
          .type = FindElementType(type),
          .shape = {},
          .piece = {kept.data(), kept.size()}};
}

std::vector<SafetensorsWriter::Tensor> SafetensorsWriter::TensorsOf(const ExportedModel& model,
                                                                    bool with_optimizer) {
  std::vector<Tensor> tensors;
  const ParameterLayout& layout = model.network.layout();
  const ElementType* const type = FindElementType(
      model.network.data_type() == DataType::kFloat32 ? kFloat32Name : kFloat64Name);
  const auto add = [&](std::string name, const ParameterInfo& parameter, const Buffer& values) {
    const char* const bytes = reinterpret_cast<const char*>(values.bytes());
    tensors.push_back({.name = std::move(name),
                       .type = type,
                       .shape = parameter.shape,
                       .piece = {bytes + static_cast<std::size_t>(parameter.offset) * type->width,
                                 static_cast<std::size_t>(parameter.size) * type->width}});
  };
  const TrainerState& state = model.state;
  for (const ParameterInfo& parameter : layout.parameters()) {
    add(parameter.name, parameter, state.parameters.parameters());
  }
  if (const auto& statistics = state.parameters.statistics(); statistics != nullptr) {
    const std::int64_t features = statistics->features();
    const auto count = static_cast<std::size_t>(features);
    const absl::Span<const double> values = statistics->values();
    tensors.push_back(OwnTensor(kMeanName, kFloat64Name, BytesOfNumbers(values.subspan(2, count))));
    tensors.back().shape = {features};
    tensors.push_back(
        OwnTensor(kSquaresName, kFloat64Name, BytesOfNumbers(values.subspan(2 + count))));
    tensors.back().shape = {features};
    tensors.push_back(OwnTensor(kRowsName, kInt64Name, BytesOfNumber(statistics->rows())));
    tensors.push_back(OwnTensor(kWeightSumName, kFloat64Name, BytesOfNumber(statistics->weight())));
  }
  if (!with_optimizer) return tensors;
  const auto optimizer = MakeOptimizer(model.optimizer.algorithm);
  DESCENT_CHECK(optimizer.ok());
  const auto slots = (*optimizer)->slot_names();
  const auto scalars = (*optimizer)->scalar_names();
  DESCENT_CHECK(slots.size() == state.slots.size() && scalars.size() == state.scalars.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    for (const ParameterInfo& parameter : layout.parameters()) {
      add(SlotName(slots[i], parameter.name), parameter, state.slots[i]);
    }
    const std::int64_t gap = FirstGap(layout);
    if (gap < 0) continue;
    const double between = state.slots[i].At(gap);
    if (between == (*optimizer)->InitialSlotValue(static_cast<int>(i))) continue;
    tensors.push_back(OwnTensor(ScalarName(slots[i]), kFloat64Name, BytesOfNumber(between)));
  }
  for (std::size_t i = 0; i < scalars.size(); ++i) {
    tensors.push_back(
        OwnTensor(ScalarName(scalars[i]), kFloat64Name, BytesOfNumber(state.scalars[i])));
  }
  return tensors;
}

std::string SafetensorsWriter::Next(std::size_t most) {
  std::string bytes;
  while (piece_ < pieces_.size() && bytes.size() < most) {
    const Piece& piece = pieces_[piece_];
    const std::size_t count = std::min(most - bytes.size(), piece.size - offset_);
    bytes.append(piece.bytes + offset_, count);
    offset_ += count;
    if (offset_ == piece.size) {
      ++piece_;
      offset_ = 0;
    }
  }
  return bytes;
}

}  // namespace descent::exchange
