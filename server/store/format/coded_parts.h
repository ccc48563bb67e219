// Parts that several of the encoded structs have.

#ifndef SERVER_STORE_FORMAT_CODED_PARTS_H_
#define SERVER_STORE_FORMAT_CODED_PARTS_H_

#include <cstdint>
#include <string_view>

#include "core/buffer.h"
#include "core/trainer.h"
#include "server/store/format/byte_reader.h"
#include "server/store/format/byte_writer.h"
#include "server/store/records.h"

namespace descent::store {

// Version, the first byte. What reads knows no other.
inline constexpr std::uint8_t kFormatVersion = 1;
void ReadFormatVersion(ByteReader* reader);

DataType ReadDataType(ByteReader* reader, std::string_view field);

// UpdateResult: step int64, loss, gradient_norm, learning_rate double.
void Write(const UpdateResult& result, ByteWriter* writer);
void Read(ByteReader* reader, UpdateResult* result);

// AnsweredRequest: fingerprint uint64, id text.
void Write(const AnsweredRequest& request, ByteWriter* writer);
void Read(ByteReader* reader, AnsweredRequest* request);

// ModelSettings: their JSON as text.
void Write(const ModelSettings& settings, ByteWriter* writer);
void Read(ByteReader* reader, ModelSettings* settings);

// RememberedAnswer, as EncodeAnswer has it.
void Write(const RememberedAnswer& answer, ByteWriter* writer);
void Read(ByteReader* reader, RememberedAnswer* answer);
// No answer is shorter.
inline constexpr std::size_t kLeastAnswerBytes = 26;

}  // namespace descent::store

#endif  // SERVER_STORE_FORMAT_CODED_PARTS_H_
