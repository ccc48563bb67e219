// Reading a model from a safetensors file: one that SafetensorsWriter wrote, or one with PyTorch's
// names (torch_names.h), whose kernels are turned from [units, inputs] to [inputs, units]; tables
// are [buckets, dimension] in both.

#ifndef SERVER_EXCHANGE_SAFETENSORS_READER_H_
#define SERVER_EXCHANGE_SAFETENSORS_READER_H_

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "core/network.h"
#include "core/spec.h"
#include "server/exchange/model_file.h"
#include "server/exchange/safetensors/header.h"

namespace descent::exchange {

class SafetensorsFile {
 public:
  // A whole file. Errors are ReadHeader's. What it takes beside the file is a small multiple of the
  // header.
  static absl::StatusOr<SafetensorsFile> Open(absl::Cord file);

  const FileMetadata& metadata() const { return header_.metadata; }

  // The model, for the network and optimizer that the metadata or somebody else named. Every tensor
  // of the file has its place and every parameter its tensor, in its shape, and with values that
  // the network's type holds exactly: INVALID_ARGUMENT (FILE_MISMATCH) otherwise, MALFORMED_FILE
  // for metadata that can't be, NON_FINITE_VALUE. Nothing is allocated for numbers before all of
  // the header fits, and the file goes while it is read: both together never take much more than
  // it.
  //
  // `other_optimizer`: the optimizer may be another than the file's. State that is not of its slots
  // is left out then, and is an error otherwise.
  //
  // Where the metadata have the hash of the state, the state is compared with it.
  absl::StatusOr<ImportedModel> Read(const Network& network, const OptimizerSpec& optimizer,
                                     bool other_optimizer) &&;

 private:
  SafetensorsFile(absl::Cord file, SafetensorsHeader header)
      : file_(std::move(file)), header_(std::move(header)) {}

  absl::Cord file_;
  SafetensorsHeader header_;
};

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_SAFETENSORS_READER_H_
