// Writing a model as a safetensors file, piece by piece.
//
//   layers.0.kernel               parameters under their names, in their shapes and type; kernels
//                                 are [inputs, units]
//   embeddings.<name>             the table of a categorical input, [buckets, dimension]
//   inputs.mean, inputs.squares   F64 [features]: of networks that normalise their inputs, the
//                                 means and the sums of squared deviations,
//   inputs.rows, inputs.weight_sum    I64 and F64 without dimensions, of so many rows, which count
//   so
//                                 much together: the variance is squares / weight_sum
//   optimizer.<slot>.<parameter>  with the optimizer's state: its slots, laid out as parameters
//   optimizer.<scalar>            F64 without dimensions
//   optimizer.<slot>              F64 without dimensions: what lies between the parameters in the
//                                 slot, and is hashed with it; only if it is not what the slot
//                                 begins with, as after a change of adagrad's initial value
//
// and the metadata as they are given. Tensors come in the order of their types' widths, wide ones
// first, and then of their names, so that every one is aligned; the same model gives the same
// bytes.

#ifndef SERVER_EXCHANGE_SAFETENSORS_WRITER_H_
#define SERVER_EXCHANGE_SAFETENSORS_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "server/exchange/model_file.h"

namespace descent::exchange {

// The file's numbers are read where they lie, when their turn comes: no copy is made of them.
class SafetensorsWriter {
 public:
  // What `model` refers to must stay as long as this; itself it is looked at here and no more. The
  // optimizer's state goes along if `with_optimizer`, and metadata must say so
  // (kOptimizerUpdatesKey).
  SafetensorsWriter(const ExportedModel& model, bool with_optimizer);

  std::int64_t size_bytes() const { return size_bytes_; }
  // The next bytes, at most `most`; empty at the end.
  std::string Next(std::size_t most);

 private:
  struct Tensor;
  struct Piece {
    const char* bytes = nullptr;
    std::size_t size = 0;
  };

  std::vector<Tensor> TensorsOf(const ExportedModel& model, bool with_optimizer);
  Tensor OwnTensor(std::string name, std::string_view type, std::string bytes);

  std::string header_;
  std::list<std::string> own_;  // small tensors that lie nowhere else
  std::vector<Piece> pieces_;
  std::int64_t size_bytes_ = 0;
  std::size_t piece_ = 0;  // the next one, from its byte offset_ on
  std::size_t offset_ = 0;
};

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_SAFETENSORS_WRITER_H_
