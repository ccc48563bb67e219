// The family of layers: one row per kind. Suites loop over it, so that a new kind is tested,
// documented and served by being in the table.

#ifndef CORE_LAYERS_KINDS_H_
#define CORE_LAYERS_KINDS_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/layers/layer.h"
#include "core/spec.h"

namespace descent {

// What a layer needs to know of its place.
struct LayerContext {
  int place = 0;            // among the network's layers, depth first
  std::int64_t inputs = 0;  // units of what it reads
  std::int64_t branch = 0;  // units of the last of its own layers, if its kind has any
};

struct LayerInfo {
  std::string_view name;        // "dense"
  std::string_view size_field;  // the field that decides how many parameters there are, or ""
  // kInvalidArgument naming the field, relative to the kind's spec.
  absl::StatusOr<std::unique_ptr<Layer>> (*make)(const LayerSpec&, const LayerContext&);
  // Layers of its own, which run before it and read what it reads. Null: the kind has none.
  absl::Span<const LayerSpec> (*layers)(const LayerSpec&);
  LayerSpec example;  // that keeps a width of 5, for suites
};

// Every kind, in the order of LayerSpec.
absl::Span<const LayerInfo> Layers();

const LayerInfo& GetLayerInfo(const LayerSpec& spec);

// Calls `function` for each of the layers and of their own, those before the layer: the order of a
// pass.
void ForEachLayer(absl::Span<const LayerSpec> layers,
                  absl::FunctionRef<void(const LayerSpec&)> function);

}  // namespace descent

#endif  // CORE_LAYERS_KINDS_H_
