// Nodes and initialisers of a graph that is being written.

#ifndef SERVER_EXCHANGE_ONNX_NODE_WRITER_H_
#define SERVER_EXCHANGE_ONNX_NODE_WRITER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/data_type.h"
#include "onnx/onnx_subset.pb.h"

namespace descent::exchange {

// Values are called by the names of the nodes that make them: "layers.0/Gemm".
class NodeWriter {
 public:
  NodeWriter(DataType type, onnx::GraphProto* graph) : type_(type), graph_(graph) {}

  DataType type() const { return type_; }

  // What nodes from here on are called after: "layers.0".
  void SetScope(absl::string_view scope) { scope_ = std::string(scope); }

  // Adds a node and gives back its value's name. The node may be changed until the next is added.
  std::string Add(absl::string_view op, std::vector<std::string> inputs);
  onnx::NodeProto* last_node();
  void SetFloat(absl::string_view attribute, double value);
  void SetInt(absl::string_view attribute, std::int64_t value);
  void SetInts(absl::string_view attribute, const std::vector<std::int64_t>& values);

  // A number of the graph's element type, or of another; each is one initialiser.
  std::string Scalar(double value) { return ScalarOf(type_, value); }
  std::string ScalarOf(DataType type, double value);
  // An initialiser in the scope, whose data the caller fills in: little-endian, row by row.
  onnx::TensorProto* Initializer(absl::string_view name, DataType type,
                                 const std::vector<std::int64_t>& dims);

  // Makes `value` the graph's output, under that name.
  void Finish(const std::string& value, absl::string_view output);

 private:
  onnx::AttributeProto* Attribute(absl::string_view name, onnx::AttributeProto::AttributeType type);

  const DataType type_;
  onnx::GraphProto* const graph_;
  std::string scope_;
  std::map<std::string, int> times_;  // how often a name was wanted
  std::set<std::string> scalars_;
};

// As TensorProto.data_type.
onnx::TensorProto::DataType OnnxTypeOf(DataType type);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_NODE_WRITER_H_
