// Records and checkpoint headers <-> bytes: little-endian, as docs/storage_format.md describes.
//
// Bytes are checked against a checksum by whoever keeps them; decoding still trusts no length, and
// answers DATA_LOSS (STORED_STATE_DAMAGED) to anything that can't have been encoded.

#ifndef SERVER_STORE_FORMAT_CODEC_H_
#define SERVER_STORE_FORMAT_CODEC_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/records.h"

namespace descent::store {

// Appends one record to `bytes`. Records are self-delimiting: a group is one after another.
void AppendRecord(const UpdateRecord& record, std::string* bytes);
absl::StatusOr<std::vector<UpdateRecord>> DecodeRecords(std::string_view bytes);

// Everything of an image but the numbers of its parameters and slots: settings, counters, sessions,
// answers, and what the numbers are (type, size, how many slots). Decoding makes parameters and
// slots of that size, zeroed, to be filled; a size beyond `most_bytes` is DATA_LOSS.
std::string EncodeImageHeader(const ModelImage& image);
absl::StatusOr<ModelImage> DecodeImageHeader(std::string_view bytes, std::int64_t most_bytes);

// The bytes of those numbers.
std::int64_t StateBytes(const TrainerState& state);

std::string EncodeAnswer(const RememberedAnswer& answer);
absl::StatusOr<RememberedAnswer> DecodeAnswer(std::string_view bytes);

}  // namespace descent::store

#endif  // SERVER_STORE_FORMAT_CODEC_H_
