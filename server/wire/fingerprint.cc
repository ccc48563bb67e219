#include "server/wire/fingerprint.h"

#include <cstddef>
#include <string>
#include <variant>

#include "core/check.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "xxhash.h"

namespace descent::wire {

void Fingerprint::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

Fingerprint::Fingerprint(std::string_view method) : state_(XXH3_createState()) {
  DESCENT_CHECK(state_ != nullptr);
  XXH3_64bits_reset(state_.get());
  Add(method);
}

Fingerprint::~Fingerprint() = default;

void Fingerprint::AddBytes(const void* bytes, std::size_t size) {
  if (size > 0) XXH3_64bits_update(state_.get(), bytes, size);
}

Fingerprint& Fingerprint::Add(std::int64_t value) {
  AddBytes(&value, sizeof(value));
  return *this;
}

Fingerprint& Fingerprint::Add(double value) {
  AddBytes(&value, sizeof(value));
  return *this;
}

Fingerprint& Fingerprint::Add(std::string_view text) {
  Add(static_cast<std::int64_t>(text.size()));
  AddBytes(text.data(), text.size());
  return *this;
}

Fingerprint& Fingerprint::Add(const Buffer& values) {
  Add(static_cast<std::int64_t>(values.type()));
  Add(values.size());
  AddBytes(values.bytes(), values.byte_size());
  return *this;
}

Fingerprint& Fingerprint::Add(const Matrix& values) {
  Add(values.rows());
  Add(values.cols());
  return Add(values.buffer());
}

Fingerprint& Fingerprint::Add(const Batch& batch) {
  Add(batch.inputs);
  Add(static_cast<std::int64_t>(batch.targets.index()));
  if (const auto* values = std::get_if<Matrix>(&batch.targets)) {
    Add(*values);
  } else {
    const auto& indices = std::get<ClassIndices>(batch.targets);
    Add(static_cast<std::int64_t>(indices.size()));
    AddBytes(indices.data(), indices.size() * sizeof(indices[0]));
  }
  Add(batch.weights);
  return batch.categories.empty() ? *this : Add(batch.categories);
}

Fingerprint& Fingerprint::Add(const Categories& categories) {
  Add(static_cast<std::int64_t>(categories.size()));
  for (const CategoryValues& values : categories) {
    Add(values.size());
    AddBytes(values.buckets.data(), values.buckets.size() * sizeof(values.buckets[0]));
    Add(static_cast<std::int64_t>(values.row_splits.size()));
    AddBytes(values.row_splits.data(), values.row_splits.size() * sizeof(values.row_splits[0]));
    Add(values.weights);
  }
  return *this;
}

Fingerprint& Fingerprint::Add(const TableGradients& gradients) {
  for (const auto& rows : gradients.rows) {
    Add(static_cast<std::int64_t>(rows.size()));
    AddBytes(rows.data(), rows.size() * sizeof(rows[0]));
  }
  return gradients.rows.empty() ? *this : Add(gradients.values);
}

Fingerprint& Fingerprint::Add(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    // It is not written where it has 2 GiB or more, and no request has.
    static_cast<void>(message.SerializeToCodedStream(&coded));
  }
  return Add(std::string_view(bytes));
}

std::uint64_t Fingerprint::Digest() const { return XXH3_64bits_digest(state_.get()); }

}  // namespace descent::wire
