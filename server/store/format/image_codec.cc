#include "absl/strings/str_cat.h"
#include "core/input_statistics.h"
#include "core/snapshot.h"
#include "server/store/format/codec.h"
#include "server/store/format/coded_parts.h"

namespace descent::store {
namespace {

constexpr std::uint8_t kHeaderVersion = 3;
// As it was first: its history is empty.
constexpr int kVersionWithoutHistory = 1;
// The points of its history have no measures.
constexpr int kVersionWithoutMeasures = 2;

int ReadHeaderVersion(ByteReader* reader) {
  const int version = reader->Get<std::uint8_t>("format version");
  if (version < kVersionWithoutHistory || version > kHeaderVersion) {
    reader->Fail("format version", absl::StrCat("is ", version, ", and only those to ",
                                                int{kHeaderVersion}, " are known"));
  }
  return version;
}

// What the numbers are that lie outside of the header.
struct Numbers {
  DataType type = DataType::kFloat32;
  std::size_t slots = 0;
  std::int64_t size = 0;  // elements of the parameters, and of each slot
};

Numbers ReadNumbers(ByteReader* reader, std::int64_t most_bytes) {
  Numbers numbers;
  numbers.type = ReadDataType(reader, "parameters");
  numbers.slots = reader->Get<std::uint8_t>("slots");
  numbers.size = reader->GetCount("parameters' size");
  const auto arrays = static_cast<std::int64_t>(1 + numbers.slots);
  const auto width = static_cast<std::int64_t>(ByteWidth(numbers.type));
  if (numbers.size > most_bytes / (arrays * width)) {
    reader->Fail("parameters' size",
                 absl::StrCat("asks for ", arrays, " times ", numbers.size, " numbers of ", width,
                              " bytes, more than ", most_bytes, " bytes"));
  }
  return numbers;
}

void Write(const InputStatistics& statistics, ByteWriter* writer) {
  writer->Put(static_cast<std::uint32_t>(statistics.values().size()));
  writer->PutBytes(statistics.values().data(), statistics.values().size() * sizeof(double));
}

std::shared_ptr<const InputStatistics> ReadStatistics(ByteReader* reader, std::int64_t features) {
  std::vector<double> values(reader->GetElements(sizeof(double), "input statistics"));
  for (double& value : values) value = reader->Get<double>("input statistics");
  if (values.size() < 2 || values.size() % 2 != 0 ||
      static_cast<std::int64_t>(values.size() / 2) - 1 != features) {
    reader->Fail("input statistics",
                 absl::StrCat("holds ", values.size(), " numbers, which are not those of ",
                              features, " features"));
    return nullptr;
  }
  return std::make_shared<const InputStatistics>(std::move(values));
}

void Write(const SessionRecord& session, ByteWriter* writer) {
  writer->Put(session.next_sequence);
  writer->Put(session.last_step);
  writer->Put(session.last_used);
  writer->PutText(session.id);
}

// No session is shorter.
constexpr std::size_t kLeastSessionBytes = 28;

void Read(ByteReader* reader, SessionRecord* session) {
  session->next_sequence = reader->Get<std::int64_t>("session's next sequence");
  session->last_step = reader->Get<std::int64_t>("session's last step");
  session->last_used = reader->GetTime("session's last use");
  session->id = reader->GetText("session id");
}

void Write(const HistoryPoint& point, ByteWriter* writer) {
  writer->Put(point.step);
  writer->Put(point.time);
  writer->Put(point.updates);
  writer->Put(point.rows);
  writer->Put(point.loss);
  writer->Put(point.gradient_norm);
  writer->Put(point.learning_rate);
  writer->Put(point.measured_rows);
  for (const double measure : point.measures) writer->Put(measure);
}

// Of a point without measures, which is the shortest.
constexpr std::size_t kLeastPointBytes = 56;

void ReadPoint(ByteReader* reader, bool has_measures, HistoryPoint* point) {
  point->step = reader->GetCount("history's step");
  point->time = reader->GetTime("history's time");
  point->updates = reader->GetCount("history's updates");
  point->rows = reader->GetCount("history's rows");
  point->loss = reader->Get<double>("history's loss");
  point->gradient_norm = reader->Get<double>("history's gradient norm");
  point->learning_rate = reader->Get<double>("history's learning rate");
  if (!has_measures) return;
  point->measured_rows = reader->GetCount("history's measured rows");
  for (double& measure : point->measures) measure = reader->Get<double>("history's measures");
}

template <typename T>
void WriteAll(const std::vector<T>& elements, ByteWriter* writer) {
  writer->Put(static_cast<std::uint32_t>(elements.size()));
  for (const T& element : elements) Write(element, writer);
}

template <typename T>
void ReadAll(ByteReader* reader, std::size_t least_bytes, std::string_view field,
             std::vector<T>* elements) {
  for (std::size_t left = reader->GetElements(least_bytes, field); left > 0 && reader->ok();
       --left) {
    Read(reader, &elements->emplace_back());
  }
}

void ReadHistory(ByteReader* reader, int version, std::int64_t step, History* history) {
  history->interval = reader->GetCount("history's interval");
  for (std::size_t left = reader->GetElements(kLeastPointBytes, "history");
       left > 0 && reader->ok(); --left) {
    ReadPoint(reader, version > kVersionWithoutMeasures, &history->points.emplace_back());
  }
  if (reader->ok() && !IsValid(*history, step)) {
    reader->Fail("history", "is none of a model at this step");
  }
}

}  // namespace

std::string EncodeImageHeader(const ModelImage& image) {
  const TrainerState& state = image.state;
  const Buffer& parameters = state.parameters.parameters();
  for (const Buffer& slot : state.slots) {
    DESCENT_CHECK(slot.type() == parameters.type() && slot.size() == parameters.size());
  }
  DESCENT_CHECK(state.slots.size() <= std::numeric_limits<std::uint8_t>::max());
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.Put(kHeaderVersion);
  writer.Put(parameters.type());
  writer.Put(static_cast<std::uint8_t>(state.slots.size()));
  writer.Put(parameters.size());
  writer.Put(state.step);
  writer.Put(state.optimizer_updates);
  writer.Put(image.last_loss);
  writer.Put(image.update_time);
  writer.Put(static_cast<std::uint32_t>(state.scalars.size()));
  writer.PutBytes(state.scalars.data(), state.scalars.size() * sizeof(double));
  Write(image.settings, &writer);
  if (image.settings.network.input_normalization.has_value()) {
    Write(*state.parameters.statistics(), &writer);
  }
  WriteAll(image.sessions, &writer);
  WriteAll(image.answers, &writer);
  writer.Put(image.history.interval);
  WriteAll(image.history.points, &writer);
  return bytes;
}

absl::StatusOr<ModelImage> DecodeImageHeader(std::string_view bytes, std::int64_t most_bytes) {
  ByteReader reader(bytes, "checkpoint header");
  ModelImage image;
  TrainerState& state = image.state;
  const int version = ReadHeaderVersion(&reader);
  const Numbers numbers = ReadNumbers(&reader, most_bytes);
  state.step = reader.GetCount("step");
  state.optimizer_updates = reader.GetCount("optimizer updates");
  image.last_loss = reader.Get<double>("last loss");
  image.update_time = reader.GetTime("update time");
  state.scalars.resize(reader.GetElements(sizeof(double), "scalars"));
  for (double& scalar : state.scalars) scalar = reader.Get<double>("scalars");
  Read(&reader, &image.settings);
  std::shared_ptr<const InputStatistics> statistics;
  if (image.settings.network.input_normalization.has_value()) {
    statistics = ReadStatistics(&reader, image.settings.network.input_features);
  }
  ReadAll(&reader, kLeastSessionBytes, "sessions", &image.sessions);
  ReadAll(&reader, kLeastAnswerBytes, "answers", &image.answers);
  if (version > kVersionWithoutHistory) {
    ReadHistory(&reader, version, state.step, &image.history);
  }
  reader.ExpectEnd();
  if (!reader.ok()) return reader.status();
  // Nothing of that size is made before all else is right.
  state.parameters = SnapshotPool(numbers.type, numbers.size).Acquire(state.step);
  SnapshotPool::SetStatistics(state.parameters, std::move(statistics));
  for (std::size_t i = 0; i < numbers.slots; ++i) {
    state.slots.emplace_back(numbers.type, numbers.size);
  }
  return image;
}

std::int64_t StateBytes(const TrainerState& state) {
  std::size_t bytes = state.parameters.parameters().byte_size();
  for (const Buffer& slot : state.slots) bytes += slot.byte_size();
  return static_cast<std::int64_t>(bytes);
}

}  // namespace descent::store
