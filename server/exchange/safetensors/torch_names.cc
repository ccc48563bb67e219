#include "server/exchange/safetensors/torch_names.h"

#include <algorithm>
#include <compare>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/status_macros.h"
#include "server/exchange/safetensors/names.h"

namespace descent::exchange {
namespace {

constexpr std::string_view kWeight = "weight";
constexpr std::string_view kBias = "bias";
constexpr std::string_view kTablePrefix = "embeddings.";
// The one name of a parameter that ends as those of PyTorch do.
constexpr std::string_view kTableCalledWeight = "embeddings.weight";

absl::Status Mismatch(std::string_view what) { return InvalidFile("FILE_MISMATCH", what); }

// "2.f.0.weight" is "weight" of the module "2.f.0"; "weight" of the module "".
std::pair<std::string_view, std::string_view> SplitName(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return {{}, name};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

// "fc12" is the twelfth of "fc", "3" the third of "".
struct Part {
  std::string stem;
  std::optional<std::int64_t> number;

  bool IsComparedWith(const Part& other) const {
    return stem == other.stem && number.has_value() && other.number.has_value();
  }
  friend auto operator<=>(const Part& a, const Part& b) = default;
};

Part PartOf(absl::string_view text) {
  constexpr std::size_t kMostDigits = 18;
  std::size_t digits = 0;
  while (digits < text.size() && absl::ascii_isdigit(text[text.size() - 1 - digits])) ++digits;
  Part part{.stem = std::string(text), .number = std::nullopt};
  std::int64_t number = 0;
  if (digits > 0 && digits <= kMostDigits &&
      absl::SimpleAtoi(text.substr(text.size() - digits), &number)) {
    part = {.stem = std::string(text.substr(0, text.size() - digits)), .number = number};
  }
  return part;
}

// A module with parameters.
struct Module {
  std::string_view name;
  std::vector<Part> path;
  const TensorEntry* weight = nullptr;
  const TensorEntry* bias = nullptr;
};

// Whether the file says that `a` comes before `b`, which it does in the order of texts.
bool HaveOrder(const Module& a, const Module& b) {
  for (std::size_t i = 0; i < std::min(a.path.size(), b.path.size()); ++i) {
    if (a.path[i] == b.path[i]) continue;
    return a.path[i].IsComparedWith(b.path[i]);
  }
  return true;
}

using TorchMatches = std::map<std::string_view, const ParameterInfo*>;

// The modules of all tensors but those that are matched already.
absl::StatusOr<std::vector<Module>> ModulesOf(absl::Span<const TensorEntry> tensors,
                                              const TorchMatches& matched) {
  std::map<std::string_view, Module> by_name;
  for (const TensorEntry& tensor : tensors) {
    if (matched.contains(tensor.name)) continue;
    const auto [name, what] = SplitName(tensor.name);
    if (what != kWeight && what != kBias) {
      return Mismatch(absl::StrCat("tensor ", QuotedName(tensor.name),
                                   ": expected a weight or a bias, as nn.Linear and nn.LayerNorm "
                                   "have them"));
    }
    Module& module = by_name[name];
    module.name = name;
    (what == kWeight ? module.weight : module.bias) = &tensor;
  }
  std::vector<Module> modules;
  for (auto& [name, module] : by_name) {
    if (module.weight == nullptr) {
      return Mismatch(
          absl::StrCat("tensor ", QuotedName(module.bias->name), ": expected a weight beside it"));
    }
    for (const absl::string_view part :
         absl::StrSplit(absl::string_view(name.data(), name.size()), '.')) {
      module.path.push_back(PartOf(part));
    }
    modules.push_back(std::move(module));
  }
  std::ranges::sort(modules, {}, &Module::path);
  for (std::size_t i = 1; i < modules.size(); ++i) {
    if (HaveOrder(modules[i - 1], modules[i])) continue;
    return Mismatch(absl::StrCat("whether ", QuotedName(modules[i - 1].name), " or ",
                                 QuotedName(modules[i].name),
                                 " comes first is not known: expected modules with numbers"));
  }
  return modules;
}

// A layer with parameters.
struct LayerParameters {
  std::string_view name;
  const ParameterInfo* weight = nullptr;  // the kernel, or the gain
  const ParameterInfo* bias = nullptr;
};

std::vector<LayerParameters> LayersOf(const ParameterLayout& layout) {
  std::vector<LayerParameters> layers;
  for (const ParameterInfo& parameter : layout.parameters()) {
    if (parameter.is_table) continue;
    const auto [name, what] = SplitName(parameter.name);
    if (layers.empty() || layers.back().name != name) layers.push_back({.name = name});
    (what == kBias ? layers.back().bias : layers.back().weight) = &parameter;
  }
  return layers;
}

// The tensors of tables.
class TableTensors {
 public:
  explicit TableTensors(absl::Span<const TensorEntry> tensors) {
    for (const TensorEntry& tensor : tensors) {
      by_name_.emplace(tensor.name, &tensor);
      const auto [module, what] = SplitName(tensor.name);
      if (what == kWeight) by_last_part_.emplace(SplitName(module).second, &tensor);
    }
  }

  absl::StatusOr<const TensorEntry*> Find(const ParameterInfo& table) const {
    const std::string own = table.name;
    const std::string input = own.substr(kTablePrefix.size());
    for (const std::string& name : {own, own + ".weight", input + ".weight"}) {
      const auto found = by_name_.find(name);
      if (found != by_name_.end()) return found->second;
    }
    const auto [first, end] = by_last_part_.equal_range(input);
    if (first == end) {
      return Mismatch(absl::StrCat("expected a tensor ", QuotedName(own),
                                   ", or the weight of a module ", QuotedName(input),
                                   ", of which it has none"));
    }
    if (std::next(first) == end) return first->second;
    return Mismatch(absl::StrCat("whether ", QuotedName(first->second->name), " or ",
                                 QuotedName(std::next(first)->second->name), " is ",
                                 QuotedName(own), " is not known: expected one of them alone"));
  }

 private:
  std::map<std::string_view, const TensorEntry*, std::less<>> by_name_;
  std::multimap<std::string_view, const TensorEntry*, std::less<>> by_last_part_;
};

absl::StatusOr<TorchMatches> MatchTables(absl::Span<const TensorEntry> tensors,
                                         const ParameterLayout& layout) {
  TorchMatches matches;
  const auto is_table = [](const ParameterInfo& parameter) { return parameter.is_table; };
  if (std::ranges::none_of(layout.parameters(), is_table)) return matches;
  const TableTensors of_tables(tensors);
  for (const ParameterInfo& parameter : layout.parameters()) {
    if (!parameter.is_table) continue;
    ASSIGN_OR_RETURN(const TensorEntry* const tensor, of_tables.Find(parameter));
    const auto [place, is_new] = matches.emplace(tensor->name, &parameter);
    if (is_new) continue;
    return Mismatch(absl::StrCat("whether ", QuotedName(tensor->name), " is ",
                                 QuotedName(place->second->name), " or ",
                                 QuotedName(parameter.name), " is not known"));
  }
  return matches;
}

}  // namespace

bool HaveTorchNames(absl::Span<const TensorEntry> tensors, const ParameterLayout& layout) {
  // The table's slots have names that end in its own.
  const bool is_table_called_so = layout.Find(kTableCalledWeight) >= 0;
  return std::ranges::any_of(tensors, [&](const TensorEntry& tensor) {
    const std::string_view name = tensor.name;
    if (SplitName(name).second != kWeight) return false;
    return !is_table_called_so ||
           (name != kTableCalledWeight &&
            !(name.starts_with(kOptimizerPrefix) && name.ends_with(kTableCalledWeight)));
  });
}

absl::StatusOr<std::map<std::string_view, const ParameterInfo*>> MatchTorchNames(
    absl::Span<const TensorEntry> tensors, const ParameterLayout& layout) {
  ASSIGN_OR_RETURN(TorchMatches matches, MatchTables(tensors, layout));
  ASSIGN_OR_RETURN(const std::vector<Module> modules, ModulesOf(tensors, matches));
  const std::vector<LayerParameters> layers = LayersOf(layout);
  if (modules.size() != layers.size()) {
    return Mismatch(absl::StrCat("it has ", modules.size(),
                                 " modules with a weight, and the network ", layers.size(),
                                 " layers with parameters"));
  }
  for (std::size_t i = 0; i < modules.size(); ++i) {
    const Module& module = modules[i];
    const LayerParameters& layer = layers[i];
    matches[module.weight->name] = layer.weight;
    if (module.bias != nullptr) matches[module.bias->name] = layer.bias;
    if ((module.bias == nullptr) == (layer.bias == nullptr)) continue;
    return Mismatch(absl::StrCat(
        "module ", QuotedName(module.name),
        module.bias == nullptr ? " has no bias, and " : " has a bias, and ",
        absl::string_view(layer.name.data(), layer.name.size()),
        layer.bias == nullptr ? " none: omit_bias is set" : " one: omit_bias is not set"));
  }
  return matches;
}

}  // namespace descent::exchange
