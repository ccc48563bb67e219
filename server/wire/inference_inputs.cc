#include "server/wire/inference_inputs.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "core/text_view.h"
#include "server/wire/categories.h"
#include "server/wire/inference_fields.h"
#include "server/wire/inference_tensor.h"
#include "server/wire/inference_type.h"
#include "server/wire/request_fields.h"
#include "server/wire/tensor.h"
#include "server/wire/tensor_checks.h"

namespace descent::wire {
namespace {

using inference::ModelInferRequest;

constexpr char kPaddedCategories[] = "padded_categories";

// What raw texts take at least: their lengths.
constexpr int kLeastTextBytes = 4;

absl::Status WrongType(const InputTensor& tensor, std::string_view what) {
  return InvalidField(tensor.Member("datatype"), what, {}, "WRONG_DATA_TYPE");
}

// The datatype's row; null for BYTES.
absl::StatusOr<const InferenceType*> TypeOf(const InputTensor& tensor) {
  const std::string& name = tensor.message().datatype();
  if (name.empty()) return WrongType(tensor, "required");
  const InferenceType* const type = FindInferenceType(name);
  if (type != nullptr || name == kBytesType) return type;
  return WrongType(tensor, absl::StrCat("unknown datatype ", QuotedText(name)));
}

absl::StatusOr<Matrix> DecodeNumbers(const InputTensor& tensor, const Network& network,
                                     std::int64_t rows) {
  ASSIGN_OR_RETURN(const InferenceType* const type, TypeOf(tensor));
  if (type == nullptr) return WrongType(tensor, "the model takes numbers, not BYTES");
  const auto shape = tensor.shape();
  ASSIGN_OR_RETURN(const std::int64_t count, CheckedCount(tensor.field(), shape, type->width));
  RETURN_IF_ERROR(CheckShape(tensor.field(), shape, {rows, network.input_features()}));
  ASSIGN_OR_RETURN(const InputElements elements, ElementsOf(tensor, *type, count));
  Matrix matrix = Matrix::ForOverwrite(network.data_type(), shape[0], network.input_features());
  Buffer& out = matrix.buffer();
  const std::int64_t bad =
      out.type() == DataType::kFloat32
          ? elements.type->to_float32(elements.data, elements.count, out.data<float>())
          : elements.type->to_float64(elements.data, elements.count, out.data<double>());
  if (bad < 0) return matrix;
  return NonFinite(tensor.field(), shape, bad, out.At(bad), out.type());
}

// How many categories a tensor has: [n], or [n, k] of k a row.
absl::StatusOr<std::int64_t> CategoryCount(const InputTensor& tensor, std::int64_t rows,
                                           int width) {
  const auto shape = tensor.shape();
  ASSIGN_OR_RETURN(const std::int64_t count, CheckedCount(tensor.field(), shape, width));
  const bool any_rows = rows == kAnyRows;
  if ((shape.size() == 1 || shape.size() == 2) && (any_rows ? shape[0] >= 1 : shape[0] == rows) &&
      shape.back() >= 1) {
    return count;
  }
  const std::string n = any_rows ? "n" : absl::StrCat(rows);
  const std::string expected = absl::StrCat("[", n, "] or [", n, ", k]");
  const std::string actual = ShapeText(shape);
  return InvalidField(
      tensor.field(),
      absl::StrCat("expected shape ", expected,
                   any_rows ? " with n >= 1 and k >= 1, got " : " with k >= 1, got ", actual),
      {{"expected", expected}, {"actual", actual}}, "WRONG_SHAPE");
}

// In place of a bucket, where there is no category.
constexpr std::int32_t kNoCategory = -1;

// What stands for no category.
struct Padding {
  bool has_id = false;
  bool has_text = false;

  bool Is(std::int64_t id) const { return has_id && id == -1; }
  bool Is(std::string_view text) const { return has_text && text.empty(); }
};

// An input that hashes has a category for every id and text: there they are padding only if the
// request says so.
Padding PaddingOf(const CategoricalInputSpec& input, bool is_padded) {
  return {.has_id = is_padded || input.hashing == Hashing::kNone, .has_text = is_padded};
}

absl::Status WrongId(const InputTensor& tensor, std::int64_t index, std::string_view what) {
  const auto shape = tensor.shape();
  return WithPlace(
      InvalidField(tensor.field(), absl::StrCat(View(what), " at ", PlaceText(shape, index))),
      shape, index);
}

absl::Status DecodeIds(const InputTensor& tensor, const InputElements& elements,
                       const CategoricalInputSpec& input, const Padding& padding,
                       std::vector<std::int32_t>* buckets) {
  constexpr std::int64_t kBlock = 256;
  std::int64_t ids[kBlock];
  buckets->reserve(static_cast<std::size_t>(elements.count));
  for (std::int64_t begin = 0; begin < elements.count; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, elements.count - begin);
    const std::int64_t whole =
        elements.type->to_int64(elements.data + begin * elements.type->width, count, ids);
    for (std::int64_t i = 0; i < whole; ++i) {
      const bool is_none = padding.Is(ids[i]);
      const std::int32_t bucket = is_none ? kNoCategory : BucketOf(input, ids[i]);
      if (bucket < 0 && !is_none) {
        return WrongId(tensor, begin + i,
                       absl::StrCat("expected an id in [0, ", input.buckets,
                                    "), or -1 for no category, got ", ids[i]));
      }
      buckets->push_back(bucket);
    }
    if (whole == count) continue;
    return WrongId(tensor, begin + whole,
                   absl::StrCat("expected ids up to ", std::numeric_limits<std::int64_t>::max(),
                                ", got ", static_cast<std::uint64_t>(ids[whole])));
  }
  return absl::OkStatus();
}

// Leaves out the places that have no category, and says where the rows begin unless each has one.
void MakeRows(absl::Span<const std::int64_t> shape, CategoryValues* values) {
  std::vector<std::int32_t>& buckets = values->buckets;
  const std::size_t places = shape.size() < 2 ? 1 : static_cast<std::size_t>(shape[1]);
  if (places == 1 && std::find(buckets.begin(), buckets.end(), kNoCategory) == buckets.end()) {
    return;
  }
  values->row_splits.reserve(buckets.size() / places + 1);
  values->row_splits.push_back(0);
  std::size_t kept = 0;
  for (std::size_t begin = 0; begin < buckets.size(); begin += places) {
    for (std::size_t i = begin; i < begin + places; ++i) {
      if (buckets[i] != kNoCategory) buckets[kept++] = buckets[i];
    }
    values->row_splits.push_back(static_cast<std::int64_t>(kept));
  }
  buckets.resize(kept);
}

absl::StatusOr<CategoryValues> DecodeCategories(const InputTensor& tensor,
                                                const CategoricalInputSpec& input,
                                                std::int64_t rows, bool is_padded) {
  ASSIGN_OR_RETURN(const InferenceType* const type, TypeOf(tensor));
  const Padding padding = PaddingOf(input, is_padded);
  CategoryValues values;
  if (type == nullptr) {
    if (input.hashing == Hashing::kNone) return TextsNotHashed(tensor.Member("datatype"), input);
    ASSIGN_OR_RETURN(const std::int64_t count, CategoryCount(tensor, rows, kLeastTextBytes));
    RETURN_IF_ERROR(CheckTextCount(tensor, count));
    values.buckets.reserve(static_cast<std::size_t>(count));
    RETURN_IF_ERROR(ForEachText(tensor, count, [&](std::string_view text) {
      values.buckets.push_back(padding.Is(text) ? kNoCategory : BucketOf(input, text));
    }));
  } else {
    if (type->to_int64 == nullptr) {
      return WrongType(
          tensor,
          absl::StrCat("expected ids of ", input.name, ", of INT64 or another integer's type",
                       input.hashing == Hashing::kNone ? "" : ", or texts, of BYTES", ", got ",
                       tensor.message().datatype()));
    }
    ASSIGN_OR_RETURN(const std::int64_t count, CategoryCount(tensor, rows, type->width));
    ASSIGN_OR_RETURN(const InputElements elements, ElementsOf(tensor, *type, count));
    RETURN_IF_ERROR(DecodeIds(tensor, elements, input, padding, &values.buckets));
  }
  MakeRows(tensor.shape(), &values);
  return values;
}

// Which of a network's inputs is which, and which of them have come.
class Inputs {
 public:
  static constexpr std::size_t kNumbers = std::numeric_limits<std::size_t>::max();

  explicit Inputs(const Network& network)
      : network_(network),
        categorical_(network.spec().categorical_inputs),
        seen_(categorical_.size()) {}

  // kNumbers, or the index of a categorical input. UNKNOWN_TENSOR, or CONTRADICTORY_FIELDS when it
  // has come before.
  absl::StatusOr<std::size_t> Take(const InputTensor& tensor) {
    const std::string& name = tensor.message().name();
    if (HasNumbers() && name == kInferenceInput) {
      if (std::exchange(seen_numbers_, true)) return Twice(tensor);
      return kNumbers;
    }
    // Most often they come in the order in which they are described.
    for (std::size_t i = 0; i < categorical_.size(); ++i, ++next_) {
      if (next_ == categorical_.size()) next_ = 0;
      if (categorical_[next_].name != name) continue;
      if (seen_[next_]) return Twice(tensor);
      seen_[next_] = true;
      return next_++;
    }
    return UnknownTensor(tensor.Member("name"), name, Names());
  }

  absl::Status CheckAll() const {
    if (HasNumbers() && !seen_numbers_) return Missing(kInferenceInput);
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      if (!seen_[i]) return Missing(categorical_[i].name);
    }
    return absl::OkStatus();
  }

 private:
  bool HasNumbers() const { return network_.input_features() > 0; }

  static absl::Status Twice(const InputTensor& tensor) {
    return ContradictoryField(tensor.Member("name"),
                              absl::StrCat(QuotedText(tensor.message().name()), " is there twice"));
  }

  absl::Status Missing(std::string_view name) const {
    return InvalidField("inputs",
                        absl::StrCat("expected ", Names(), "; ", QuotedText(name), " is missing"),
                        {}, "REQUIRED_FIELD");
  }

  // "inputs", "country", each in quotes.
  std::string Names() const {
    constexpr std::size_t kMost = 8;
    std::string names = HasNumbers() ? QuotedText(kInferenceInput) : "";
    for (std::size_t i = 0; i < std::min(categorical_.size(), kMost); ++i) {
      absl::StrAppend(&names, names.empty() ? "" : ", ", QuotedText(categorical_[i].name));
    }
    if (categorical_.size() > kMost) {
      absl::StrAppend(&names, " and ", categorical_.size() - kMost, " more");
    }
    return names;
  }

  const Network& network_;
  const std::vector<CategoricalInputSpec>& categorical_;
  std::vector<bool> seen_;
  bool seen_numbers_ = false;
  std::size_t next_ = 0;
};

absl::Status CheckParameters(const InputTensor& tensor) {
  const InferParameters& parameters = tensor.message().parameters();
  if (parameters.empty()) return absl::OkStatus();
  return RefuseParameters(tensor.Member("parameters"), parameters, kSharedMemory);
}

void Describe(std::string_view name, std::string_view datatype,
              inference::ModelMetadataResponse::TensorMetadata* tensor) {
  tensor->set_name(std::string(name));
  tensor->set_datatype(std::string(datatype));
  tensor->add_shape(-1);
}

}  // namespace

absl::Status DecodeInferenceInputs(const ModelInferRequest& request, const Network& network,
                                   models::PredictCommand* command) {
  const int raw = request.raw_input_contents_size();
  if (raw > 0 && raw != request.inputs_size() && request.inputs_size() > 0) {
    return InvalidField("raw_input_contents",
                        absl::StrCat("expected one entry for each of ", request.inputs_size(),
                                     " inputs, or none at all, got ", raw),
                        {}, "MALFORMED_TENSOR");
  }
  ASSIGN_OR_RETURN(const bool is_padded, BoolParameter(request.parameters(), kPaddedCategories));
  Inputs inputs(network);
  command->categories.resize(network.spec().categorical_inputs.size());
  std::int64_t rows = kAnyRows;
  for (int i = 0; i < request.inputs_size(); ++i) {
    const InputTensor tensor(request, i);
    ASSIGN_OR_RETURN(const std::size_t input, inputs.Take(tensor));
    RETURN_IF_ERROR(CheckParameters(tensor));
    if (input == Inputs::kNumbers) {
      ASSIGN_OR_RETURN(command->inputs, DecodeNumbers(tensor, network, rows));
      rows = command->inputs.rows();
      continue;
    }
    ASSIGN_OR_RETURN(
        command->categories[input],
        DecodeCategories(tensor, network.spec().categorical_inputs[input], rows, is_padded));
    rows = command->categories[input].rows();
  }
  RETURN_IF_ERROR(inputs.CheckAll());
  if (network.input_features() == 0) command->inputs = Matrix(network.data_type(), rows, 0);
  return absl::OkStatus();
}

void DescribeInferenceInputs(const Network& network, inference::ModelMetadataResponse* response) {
  if (network.input_features() > 0) {
    auto* const numbers = response->add_inputs();
    Describe(kInferenceInput, InferenceTypeOf(network.data_type()).name, numbers);
    numbers->add_shape(network.input_features());
  }
  for (const CategoricalInputSpec& input : network.spec().categorical_inputs) {
    Describe(input.name, input.hashing == Hashing::kNone ? "INT64" : kBytesType,
             response->add_inputs());
  }
}

}  // namespace descent::wire
