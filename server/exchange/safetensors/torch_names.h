// Tensors under the names that PyTorch gives them.
//
// A file of a `state_dict` says which tensors there are and not in which order they are used, and
// nothing of activations. With a network at hand both are known: its layers that have parameters
// are met by the file's modules in their order, which is that of the numbers in their names ("0",
// "2", "4" of an nn.Sequential; "2.f.0" within another module; "fc1", "fc2"). `weight` of two
// dimensions is nn.Linear's, [units, inputs], of one LayerNorm's.
//
// The table of a categorical input is the `weight`, [buckets, dimension] as it is, of the module
// (an nn.Embedding or EmbeddingBag) that is called as the input is: "embeddings.user" or "user" or,
// if there is one alone, "towers.left.user". It may have the parameter's own name too.

#ifndef SERVER_EXCHANGE_SAFETENSORS_TORCH_NAMES_H_
#define SERVER_EXCHANGE_SAFETENSORS_TORCH_NAMES_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/parameter_layout.h"
#include "server/exchange/safetensors/header.h"

namespace descent::exchange {

// Whether the tensors have such names, rather than the parameters'.
bool HaveTorchNames(absl::Span<const TensorEntry> tensors, const ParameterLayout& layout);

// Which parameter each tensor is, by the tensor's name. INVALID_ARGUMENT (FILE_MISMATCH) if it is
// not one for one: a tensor that is no weight or bias, names that have no order, another number of
// modules than of layers, a bias where there is none, a table without a module of its name.
absl::StatusOr<std::map<std::string_view, const ParameterInfo*>> MatchTorchNames(
    absl::Span<const TensorEntry> tensors, const ParameterLayout& layout);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_SAFETENSORS_TORCH_NAMES_H_
