#include "server/store/format/coded_parts.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/store/format/settings_json.h"

namespace descent::store {

void ReadFormatVersion(ByteReader* reader) {
  const int version = reader->Get<std::uint8_t>("format version");
  if (version != kFormatVersion) {
    reader->Fail("format version",
                 absl::StrCat("is ", version, ", and only ", int{kFormatVersion}, " is known"));
  }
}

DataType ReadDataType(ByteReader* reader, std::string_view field) {
  const int type = reader->Get<std::uint8_t>(field);
  for (const DataType known : {DataType::kFloat32, DataType::kFloat64}) {
    if (type == static_cast<int>(known)) return known;
  }
  reader->Fail(field, absl::StrCat("has the unknown data type ", type));
  return DataType::kFloat32;
}

void Write(const UpdateResult& result, ByteWriter* writer) {
  writer->Put(result.step);
  writer->Put(result.loss);
  writer->Put(result.gradient_norm);
  writer->Put(result.learning_rate);
}

void Read(ByteReader* reader, UpdateResult* result) {
  result->step = reader->Get<std::int64_t>("step");
  result->loss = reader->Get<double>("loss");
  result->gradient_norm = reader->Get<double>("gradient norm");
  result->learning_rate = reader->Get<double>("learning rate");
}

void Write(const AnsweredRequest& request, ByteWriter* writer) {
  writer->Put(request.fingerprint);
  writer->PutText(request.id);
}

void Read(ByteReader* reader, AnsweredRequest* request) {
  request->fingerprint = reader->Get<std::uint64_t>("request fingerprint");
  request->id = reader->GetText("request id");
}

void Write(const ModelSettings& settings, ByteWriter* writer) {
  writer->PutText(SettingsToJson(settings));
}

void Read(ByteReader* reader, ModelSettings* settings) {
  const std::string_view json = reader->GetText("settings");
  if (!reader->ok()) return;
  auto read = SettingsFromJson(json);
  if (read.ok()) {
    *settings = *std::move(read);
  } else {
    reader->Fail("settings", read.status());
  }
}

}  // namespace descent::store
