#include <variant>

#include "absl/strings/str_cat.h"
#include "server/store/format/codec.h"
#include "server/store/format/coded_parts.h"

namespace descent::store {
namespace {

void Write(const UpdateAnswer& answer, ByteWriter* writer) { Write(answer.result, writer); }

void Write(const ModelAnswer& answer, ByteWriter* writer) {
  writer->Put(answer.step);
  writer->Put(answer.create_time);
  writer->Put(answer.update_time);
  writer->Put(answer.last_loss);
  writer->Put(answer.state_hash);
  Write(answer.settings, writer);
}

void Write(const CheckpointAnswer& answer, ByteWriter* writer) { writer->Put(answer.step); }

void Write(const DeletionAnswer& /*answer*/, ByteWriter* /*writer*/) {}

void Read(ByteReader* reader, UpdateAnswer* answer) { Read(reader, &answer->result); }

void Read(ByteReader* reader, ModelAnswer* answer) {
  answer->step = reader->Get<std::int64_t>("step");
  answer->create_time = reader->GetTime("create time");
  answer->update_time = reader->GetTime("update time");
  answer->last_loss = reader->Get<double>("last loss");
  answer->state_hash = reader->Get<std::uint64_t>("state hash");
  Read(reader, &answer->settings);
}

void Read(ByteReader* reader, CheckpointAnswer* answer) {
  answer->step = reader->Get<std::int64_t>("step");
}

void Read(ByteReader* /*reader*/, DeletionAnswer* /*answer*/) {}

// The number of an answer's type: its place in the variant, from 1.
using Answer = decltype(RememberedAnswer::answer);

template <std::size_t kIndex = 0>
void ReadAlternative(std::size_t index, ByteReader* reader, Answer* answer) {
  if constexpr (kIndex < std::variant_size_v<Answer>) {
    if (index == kIndex) {
      Read(reader, &answer->emplace<kIndex>());
    } else {
      ReadAlternative<kIndex + 1>(index, reader, answer);
    }
  } else {
    reader->Fail("type", absl::StrCat("is not known: ", index + 1));
  }
}

}  // namespace

void Write(const RememberedAnswer& answer, ByteWriter* writer) {
  writer->Put(kFormatVersion);
  writer->Put(static_cast<std::uint8_t>(answer.answer.index() + 1));
  writer->Put(answer.time);
  Write(answer.request, writer);
  writer->PutText(answer.method);
  std::visit([&](const auto& alternative) { Write(alternative, writer); }, answer.answer);
}

void Read(ByteReader* reader, RememberedAnswer* answer) {
  ReadFormatVersion(reader);
  const std::size_t type = reader->Get<std::uint8_t>("type");
  answer->time = reader->GetTime("time");
  Read(reader, &answer->request);
  answer->method = reader->GetText("method");
  if (reader->ok()) ReadAlternative(type - 1, reader, &answer->answer);
}

std::string EncodeAnswer(const RememberedAnswer& answer) {
  std::string bytes;
  ByteWriter writer(&bytes);
  Write(answer, &writer);
  return bytes;
}

absl::StatusOr<RememberedAnswer> DecodeAnswer(std::string_view bytes) {
  ByteReader reader(bytes, "answer");
  RememberedAnswer answer;
  Read(&reader, &answer);
  reader.ExpectEnd();
  if (!reader.ok()) return reader.status();
  return answer;
}

}  // namespace descent::store
