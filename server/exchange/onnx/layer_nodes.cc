#include "server/exchange/onnx/layer_nodes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/check.h"
#include "server/exchange/onnx/activation_nodes.h"
#include "server/exchange/onnx/graph_terms.h"

namespace descent::exchange {
namespace {

const ParameterInfo& InfoOf(const ParameterLayout& layout, const std::string& name) {
  const int index = layout.Find(name);
  DESCENT_CHECK(index >= 0);
  return layout.parameters()[static_cast<std::size_t>(index)];
}

// [cols, rows] from [rows, cols], in blocks that fit a cache.
template <typename T>
void Transpose(const T* from, std::int64_t rows, std::int64_t cols, T* to) {
  constexpr std::int64_t kBlock = 32;
  for (std::int64_t row = 0; row < rows; row += kBlock) {
    for (std::int64_t col = 0; col < cols; col += kBlock) {
      for (std::int64_t r = row; r < std::min(row + kBlock, rows); ++r) {
        for (std::int64_t c = col; c < std::min(col + kBlock, cols); ++c) {
          to[c * rows + r] = from[r * cols + c];
        }
      }
    }
  }
}

// An initialiser of a parameter's shape.
std::string AsItIs(const ParameterInfo& info, const WrittenParameters& parameters, const char* name,
                   NodeWriter* writer) {
  onnx::TensorProto* const tensor = writer->Initializer(name, parameters.values.type(), info.shape);
  const std::size_t width = ByteWidth(parameters.values.type());
  tensor->set_raw_data(parameters.values.bytes() + static_cast<std::size_t>(info.offset) * width,
                       static_cast<std::size_t>(info.size) * width);
  return tensor->name();
}

class LayerWriter {
 public:
  LayerWriter(std::string name, const WrittenParameters& parameters, std::string x,
              NodeWriter* writer)
      : name_(std::move(name)), parameters_(parameters), x_(std::move(x)), writer_(writer) {}

  std::string operator()(const DenseSpec& dense) {
    std::vector<std::string> inputs = {x_, Weight()};
    if (!dense.omit_bias) inputs.push_back(Vector("bias", "bias"));
    const std::string z = writer_->Add("Gemm", std::move(inputs));
    writer_->SetInt("transB", 1);
    return WriteActivation(dense.activation, z, writer_);
  }

  // Nothing is dropped in a prediction.
  std::string operator()(const DropoutSpec&) { return x_; }

  std::string operator()(const LayerNormSpec& norm) {
    const std::string centered = Op("Sub", {x_, Mean(x_)});
    const std::string variance = Mean(Op("Mul", {centered, centered}));
    const std::string deviation =
        Op("Sqrt", {Op("Add", {variance, writer_->Scalar(norm.epsilon)})});
    const std::string normalized = Op("Div", {centered, deviation});
    std::string scaled = Op("Mul", {normalized, Vector("gain", "weight")});
    if (norm.omit_bias) return scaled;
    return Op("Add", {scaled, Vector("bias", "bias")});
  }

  std::string operator()(const ResidualSpec& residual) {
    const std::string branch =
        WriteLayers(residual.layers, absl::StrCat(name_, ".layers"), parameters_, x_, writer_);
    writer_->SetScope(name_);
    return Op("Add", {x_, branch});
  }

 private:
  std::string Op(const char* op, std::vector<std::string> inputs) {
    return writer_->Add(op, std::move(inputs));
  }

  std::string Mean(const std::string& x) {
    std::string mean = Op("ReduceMean", {x});
    writer_->SetInts("axes", {-1});
    writer_->SetInt("keepdims", 1);
    return mean;
  }

  // The kernel as [units, inputs], the shape that PyTorch has made the custom.
  std::string Weight() {
    const ParameterInfo& kernel = InfoOf(parameters_.layout, absl::StrCat(name_, ".kernel"));
    const std::int64_t rows = kernel.shape[0];
    const std::int64_t cols = kernel.shape[1];
    onnx::TensorProto* const tensor =
        writer_->Initializer("weight", parameters_.values.type(), {cols, rows});
    WithElementType(parameters_.values.type(), [&](auto zero) {
      using T = decltype(zero);
      std::string* const bytes = tensor->mutable_raw_data();
      bytes->resize(static_cast<std::size_t>(kernel.size) * sizeof(T));
      // The string's memory is aligned as new aligns it.
      Transpose(parameters_.values.data<T>() + kernel.offset, rows, cols,
                static_cast<T*>(static_cast<void*>(bytes->data())));
    });
    return tensor->name();
  }

  std::string Vector(const char* role, const char* name) {
    return AsItIs(InfoOf(parameters_.layout, absl::StrCat(name_, ".", role)), parameters_, name,
                  writer_);
  }

  const std::string name_;
  const WrittenParameters& parameters_;
  const std::string x_;
  NodeWriter* const writer_;
};

std::string Doubles(absl::string_view name, const std::vector<std::int64_t>& dims,
                    absl::Span<const double> values, NodeWriter* writer) {
  onnx::TensorProto* const tensor = writer->Initializer(name, DataType::kFloat64, dims);
  tensor->set_raw_data(values.data(), values.size() * sizeof(double));
  return tensor->name();
}

}  // namespace

std::string WriteLayers(const std::vector<LayerSpec>& layers, const std::string& prefix,
                        const WrittenParameters& parameters, const std::string& x,
                        NodeWriter* writer) {
  std::string value = x;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string name = absl::StrCat(prefix, ".", i);
    writer->SetScope(name);
    value = std::visit(LayerWriter(name, parameters, value, writer),
                       static_cast<const LayerSpec::variant&>(layers[i]));
  }
  return value;
}

std::string WriteNormalization(const InputNormalizationSpec& spec,
                               const InputStatistics& statistics, const std::string& x,
                               NodeWriter* writer) {
  const std::int64_t features = statistics.features();
  const auto size = static_cast<std::size_t>(features);
  const absl::Span<const double> means = statistics.values().subspan(2, size);
  // Of no rows the variance is 1.
  const bool empty = !(statistics.weight() > 0);
  const std::vector<double> ones(empty ? size : 0, 1.0);
  const absl::Span<const double> squares =
      empty ? absl::MakeConstSpan(ones) : statistics.values().subspan(2 + size, size);
  const double weight = empty ? 1 : statistics.weight();

  writer->SetScope(kInputScope);
  const bool widen = writer->type() == DataType::kFloat32;
  std::string value = x;
  if (widen) {
    value = writer->Add("Cast", {value});
    writer->SetInt("to", onnx::TensorProto::DOUBLE);
  }
  const std::string mean = Doubles("mean", {features}, means, writer);
  value = writer->Add("Sub", {value, mean});
  const std::string sums = Doubles("squares", {features}, squares, writer);
  const std::string total = Doubles("weight", {}, {weight}, writer);
  const std::string epsilon = Doubles("epsilon", {}, {spec.epsilon}, writer);
  const std::string variance = writer->Add("Div", {sums, total});
  const std::string deviation = writer->Add("Sqrt", {writer->Add("Add", {variance, epsilon})});
  const std::string scale = writer->Add("Reciprocal", {deviation});
  value = writer->Add("Mul", {value, scale});
  if (widen) {
    value = writer->Add("Cast", {value});
    writer->SetInt("to", onnx::TensorProto::FLOAT);
  }
  return value;
}

std::string WriteLookups(const std::vector<CategoricalInputSpec>& inputs,
                         const WrittenParameters& parameters, const std::string& x,
                         NodeWriter* writer) {
  if (inputs.empty()) return x;
  std::vector<std::string> parts;
  if (!x.empty()) parts.push_back(x);
  for (const CategoricalInputSpec& input : inputs) {
    const std::string name = absl::StrCat("embeddings.", input.name);
    writer->SetScope(name);
    const std::string table = AsItIs(InfoOf(parameters.layout, name), parameters, "weight", writer);
    parts.push_back(writer->Add("Gather", {table, input.name}));
    writer->SetInt("axis", 0);
  }
  if (parts.size() == 1) return parts[0];
  writer->SetScope(kInputScope);
  std::string joined = writer->Add("Concat", std::move(parts));
  writer->SetInt("axis", 1);
  return joined;
}

std::string WriteOutputTransform(const LossSpec& loss, const std::string& x, NodeWriter* writer) {
  const char* const op = OutputTransformOf(loss);
  if (*op == '\0') return x;
  writer->SetScope(kOutputName);
  std::string value = writer->Add(op, {x});
  if (std::holds_alternative<SoftmaxCrossEntropyLoss>(loss)) writer->SetInt("axis", -1);
  return value;
}

}  // namespace descent::exchange
