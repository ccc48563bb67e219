#include <limits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/store/format/codec.h"
#include "server/store/format/coded_parts.h"

namespace descent::store {
namespace {

// Which optional parts a record has.
constexpr std::uint16_t kHasStateHash = 1 << 0;
constexpr std::uint16_t kHasSession = 1 << 1;
constexpr std::uint16_t kHasRequest = 1 << 2;
constexpr std::uint16_t kHasLearningRate = 1 << 3;  // batches and gradients
constexpr std::uint16_t kHasClasses = 1 << 4;       // batches: targets are class indices
constexpr std::uint16_t kHasWeights = 1 << 5;       // batches
constexpr std::uint16_t kKeepsOptimizer = 1 << 6;   // parameters
constexpr std::uint16_t kHasCategories = 1 << 7;    // batches, and gradients of tables
constexpr std::uint16_t kCommonFlags = kHasStateHash | kHasSession | kHasRequest;

// From the record's begin.
constexpr std::size_t kSizeOffset = 4;

std::uint16_t If(bool condition, std::uint16_t flag) { return condition ? flag : 0; }

// Numbers: data type uint8, sizes int64, the elements.

void WriteElements(const Buffer& buffer, ByteWriter* writer) {
  writer->PutBytes(buffer.bytes(), buffer.byte_size());
}

void Write(const Buffer& buffer, ByteWriter* writer) {
  writer->Put(buffer.type());
  writer->Put(buffer.size());
  WriteElements(buffer, writer);
}

void Write(const Matrix& matrix, ByteWriter* writer) {
  writer->Put(matrix.type());
  writer->Put(matrix.rows());
  writer->Put(matrix.cols());
  WriteElements(matrix.buffer(), writer);
}

// The elements' bytes, or null, with an error, if there are fewer.
const char* TakeElements(ByteReader* reader, DataType type, std::int64_t size,
                         std::string_view field) {
  if (!reader->ok()) return nullptr;
  if (static_cast<std::uint64_t>(size) > reader->remaining() / ByteWidth(type)) {
    reader->Fail(field, absl::StrCat("needs ", size, " numbers of ", ByteWidth(type),
                                     " bytes, with ", reader->remaining(), " bytes left"));
    return nullptr;
  }
  return reader->Take(static_cast<std::size_t>(size) * ByteWidth(type), field);
}

void Read(ByteReader* reader, std::string_view field, Buffer* buffer) {
  const DataType type = ReadDataType(reader, field);
  const std::int64_t size = reader->GetCount(field);
  const char* elements = TakeElements(reader, type, size, field);
  if (elements == nullptr) return;
  *buffer = Buffer::ForOverwrite(type, size);
  std::memcpy(buffer->bytes(), elements, buffer->byte_size());
}

// `may_be_narrow`: whether rows may have no columns, for what they have besides says how many there
// are.
void Read(ByteReader* reader, std::string_view field, Matrix* matrix, bool may_be_narrow = false) {
  const DataType type = ReadDataType(reader, field);
  const std::int64_t rows = reader->GetCount(field);
  const std::int64_t cols = reader->GetCount(field);
  // Rows without columns would let any number of rows cost no bytes.
  if (cols > 0 ? rows > std::numeric_limits<std::int64_t>::max() / cols
               : rows > 0 && !may_be_narrow) {
    reader->Fail(field, absl::StrCat("has the impossible shape [", rows, ", ", cols, "]"));
  }
  if (!reader->ok()) return;
  const char* elements = TakeElements(reader, type, rows * cols, field);
  if (elements == nullptr) return;
  *matrix = Matrix::ForOverwrite(type, rows, cols);
  std::memcpy(matrix->buffer().bytes(), elements, matrix->buffer().byte_size());
}

void Write(const std::vector<std::int32_t>& numbers, ByteWriter* writer) {
  writer->Put(static_cast<std::int64_t>(numbers.size()));
  writer->PutBytes(numbers.data(), numbers.size() * sizeof(numbers[0]));
}

template <typename Number>
void ReadNumbers(ByteReader* reader, std::string_view field, std::vector<Number>* numbers) {
  static_assert(sizeof(Number) == 4 || sizeof(Number) == 8);
  const std::int64_t count = reader->GetCount(field);
  const char* elements = TakeElements(
      reader, sizeof(Number) == 4 ? DataType::kFloat32 : DataType::kFloat64, count, field);
  if (elements == nullptr || count == 0) return;
  numbers->resize(static_cast<std::size_t>(count));
  std::memcpy(numbers->data(), elements, numbers->size() * sizeof(Number));
}

// Categories: how many inputs, then of each which parts it has, its rows of the table and the
// parts.

constexpr std::uint8_t kHasRowSplits = 1 << 0;
constexpr std::uint8_t kHasValueWeights = 1 << 1;

std::size_t BodySize(const Categories& categories) {
  constexpr std::size_t kMostOfTheRest = 48;
  std::size_t size = 0;
  for (const CategoryValues& values : categories) {
    size += kMostOfTheRest + values.buckets.size() * sizeof(values.buckets[0]) +
            values.row_splits.size() * sizeof(values.row_splits[0]) +
            values.weights.buffer().byte_size();
  }
  return size;
}

void Write(const Categories& categories, ByteWriter* writer) {
  writer->Put(static_cast<std::int64_t>(categories.size()));
  for (const CategoryValues& values : categories) {
    writer->Put(static_cast<std::uint8_t>((values.row_splits.empty() ? 0 : kHasRowSplits) |
                                          (values.weights.empty() ? 0 : kHasValueWeights)));
    Write(values.buckets, writer);
    if (!values.row_splits.empty()) {
      writer->Put(static_cast<std::int64_t>(values.row_splits.size()));
      writer->PutBytes(values.row_splits.data(),
                       values.row_splits.size() * sizeof(values.row_splits[0]));
    }
    if (!values.weights.empty()) Write(values.weights, writer);
  }
}

void Read(ByteReader* reader, Categories* categories) {
  constexpr std::string_view kField = "categories";
  // Each takes its parts and a count.
  constexpr std::uint64_t kLeastBytes = 9;
  const std::int64_t count = reader->GetCount(kField);
  if (count == 0 || static_cast<std::uint64_t>(count) > reader->remaining() / kLeastBytes) {
    reader->Fail(kField, absl::StrCat("are said to be ", count));
    return;
  }
  categories->resize(static_cast<std::size_t>(count));
  for (CategoryValues& values : *categories) {
    const auto parts = reader->Get<std::uint8_t>("parts of a category");
    if ((parts & ~(kHasRowSplits | kHasValueWeights)) != 0) {
      reader->Fail("parts of a category", absl::StrCat("are not known: ", parts));
    }
    ReadNumbers(reader, "rows of a table", &values.buckets);
    if ((parts & kHasRowSplits) != 0) {
      ReadNumbers(reader, "row splits", &values.row_splits);
      if (values.row_splits.empty()) reader->Fail("row splits", "are none");
    }
    if ((parts & kHasValueWeights) != 0) {
      Read(reader, "weights of categories", &values.weights);
      if (values.weights.empty()) reader->Fail("weights of categories", "are none");
    }
    if (!reader->ok()) return;
  }
}

// Gradients of tables: how many, the rows of each, then the numbers of all.

std::size_t BodySize(const TableGradients& tables) {
  std::size_t size = sizeof(std::int64_t) + tables.values.byte_size();
  for (const auto& rows : tables.rows) size += sizeof(std::int64_t) + rows.size() * sizeof(rows[0]);
  return size;
}

void Write(const TableGradients& tables, ByteWriter* writer) {
  writer->Put(static_cast<std::int64_t>(tables.rows.size()));
  for (const auto& rows : tables.rows) Write(rows, writer);
  Write(tables.values, writer);
}

void Read(ByteReader* reader, TableGradients* tables) {
  constexpr std::string_view kField = "tables";
  const std::int64_t count = reader->GetCount(kField);
  if (count == 0 ||
      static_cast<std::uint64_t>(count) > reader->remaining() / sizeof(std::int64_t)) {
    reader->Fail(kField, absl::StrCat("are said to be ", count));
    return;
  }
  tables->rows.resize(static_cast<std::size_t>(count));
  for (auto& rows : tables->rows) {
    ReadNumbers(reader, "rows of a table", &rows);
    if (!reader->ok()) return;
  }
  Read(reader, "gradients of tables", &tables->values);
}

// The kinds of updates: what flags each may have and has, its body, and about how long that is.

template <typename T>
constexpr std::uint16_t kAllowedFlags = 0;
template <>
constexpr std::uint16_t kAllowedFlags<BatchUpdate> =
    kHasLearningRate | kHasClasses | kHasWeights | kHasCategories;
template <>
constexpr std::uint16_t kAllowedFlags<GradientsUpdate> = kHasLearningRate | kHasCategories;
template <>
constexpr std::uint16_t kAllowedFlags<ParametersUpdate> = kKeepsOptimizer;

std::uint16_t FlagsOf(const BatchUpdate& update) {
  return If(update.learning_rate.has_value(), kHasLearningRate) |
         If(std::holds_alternative<ClassIndices>(update.batch.targets), kHasClasses) |
         If(!update.batch.weights.empty(), kHasWeights) |
         If(!update.batch.categories.empty(), kHasCategories);
}
std::uint16_t FlagsOf(const GradientsUpdate& update) {
  return If(update.learning_rate.has_value(), kHasLearningRate) |
         If(!update.tables.rows.empty(), kHasCategories);
}
std::uint16_t FlagsOf(const ParametersUpdate& update) {
  return If(update.keep_optimizer_state, kKeepsOptimizer);
}
std::uint16_t FlagsOf(const auto& /*update*/) { return 0; }

std::size_t BodySize(const BatchUpdate& update) {
  const Batch& batch = update.batch;
  const auto* classes = std::get_if<ClassIndices>(&batch.targets);
  return batch.inputs.buffer().byte_size() + batch.weights.buffer().byte_size() +
         BodySize(batch.categories) +
         (classes != nullptr ? classes->size() * sizeof((*classes)[0])
                             : std::get<Matrix>(batch.targets).buffer().byte_size());
}
std::size_t BodySize(const GradientsUpdate& update) {
  return update.gradients.byte_size() + BodySize(update.tables);
}
std::size_t BodySize(const ParametersUpdate& update) { return update.parameters.byte_size(); }
std::size_t BodySize(const auto& /*update*/) { return 0; }

void Write(const BatchUpdate& update, ByteWriter* writer) {
  if (update.learning_rate.has_value()) writer->Put(*update.learning_rate);
  Write(update.batch.inputs, writer);
  std::visit([&](const auto& targets) { Write(targets, writer); }, update.batch.targets);
  if (!update.batch.weights.empty()) Write(update.batch.weights, writer);
  if (!update.batch.categories.empty()) Write(update.batch.categories, writer);
}

void Write(const GradientsUpdate& update, ByteWriter* writer) {
  if (update.learning_rate.has_value()) writer->Put(*update.learning_rate);
  Write(update.gradients, writer);
  if (!update.tables.rows.empty()) Write(update.tables, writer);
}

void Write(const ParametersUpdate& update, ByteWriter* writer) { Write(update.parameters, writer); }
void Write(const SettingsUpdate& update, ByteWriter* writer) { Write(update.settings, writer); }
void Write(const RestoreUpdate& update, ByteWriter* writer) { writer->Put(update.checkpoint_id); }
void Write(const CheckpointDeletion& update, ByteWriter* writer) { writer->Put(update.step); }

void ReadLearningRate(ByteReader* reader, std::uint16_t flags, std::optional<double>* rate) {
  if ((flags & kHasLearningRate) != 0) *rate = reader->Get<double>("learning rate");
}

void Read(ByteReader* reader, std::uint16_t flags, BatchUpdate* update) {
  ReadLearningRate(reader, flags, &update->learning_rate);
  const bool has_categories = (flags & kHasCategories) != 0;
  Read(reader, "inputs", &update->batch.inputs, /*may_be_narrow=*/has_categories);
  if ((flags & kHasClasses) != 0) {
    ReadNumbers(reader, "class indices", &update->batch.targets.emplace<ClassIndices>());
  } else {
    Read(reader, "targets", &update->batch.targets.emplace<Matrix>());
  }
  if ((flags & kHasWeights) != 0) {
    Read(reader, "weights", &update->batch.weights);
    if (update->batch.weights.empty()) reader->Fail("weights", "are none");
  }
  if (has_categories) Read(reader, &update->batch.categories);
}

void Read(ByteReader* reader, std::uint16_t flags, GradientsUpdate* update) {
  ReadLearningRate(reader, flags, &update->learning_rate);
  Read(reader, "gradients", &update->gradients);
  if ((flags & kHasCategories) != 0) Read(reader, &update->tables);
}

void Read(ByteReader* reader, std::uint16_t flags, ParametersUpdate* update) {
  update->keep_optimizer_state = (flags & kKeepsOptimizer) != 0;
  Read(reader, "parameters", &update->parameters);
}

void Read(ByteReader* reader, std::uint16_t /*flags*/, SettingsUpdate* update) {
  Read(reader, &update->settings);
}

void Read(ByteReader* reader, std::uint16_t /*flags*/, RestoreUpdate* update) {
  update->checkpoint_id = reader->Get<std::int64_t>("checkpoint id");
}

void Read(ByteReader* reader, std::uint16_t /*flags*/, CheckpointDeletion* update) {
  update->step = reader->Get<std::int64_t>("checkpoint step");
}

// The number of an update's kind: its place in the variant, from 1.
template <std::size_t kIndex = 0>
void ReadAlternative(std::size_t index, ByteReader* reader, std::uint16_t flags, Update* update) {
  if constexpr (kIndex < std::variant_size_v<Update>) {
    if (index != kIndex) return ReadAlternative<kIndex + 1>(index, reader, flags, update);
    using Kind = std::variant_alternative_t<kIndex, Update>;
    if ((flags & ~(kCommonFlags | kAllowedFlags<Kind>)) != 0) {
      reader->Fail("flags", absl::StrCat("are not those of kind ", index + 1, ": ", flags));
    } else {
      Read(reader, flags, &update->emplace<kIndex>());
    }
  } else {
    reader->Fail("kind", absl::StrCat("is not known: ", index + 1));
  }
}

void Read(ByteReader* reader, UpdateRecord* record) {
  const std::size_t begin = reader->offset();
  ReadFormatVersion(reader);
  const std::size_t kind = reader->Get<std::uint8_t>("kind");
  const auto flags = reader->Get<std::uint16_t>("flags");
  const auto size = static_cast<std::uint64_t>(reader->GetCount("record's size"));
  record->time = reader->GetTime("time");
  Read(reader, &record->result);
  record->rows = reader->GetCount("rows");
  if ((flags & kHasStateHash) != 0) record->state_hash = reader->Get<std::uint64_t>("state hash");
  if ((flags & kHasSession) != 0) {
    SessionPosition& session = record->session.emplace();
    session.sequence = reader->Get<std::int64_t>("session's sequence");
    session.session_id = reader->GetText("session id");
  }
  if ((flags & kHasRequest) != 0) Read(reader, &record->request.emplace());
  if (reader->ok()) ReadAlternative(kind - 1, reader, flags, &record->update);
  if (reader->ok() && reader->offset() - begin != size) {
    reader->Fail("record's size", absl::StrCat("is said to be ", size, " and is ",
                                               reader->offset() - begin, " bytes"));
  }
}

}  // namespace

void AppendRecord(const UpdateRecord& record, std::string* bytes) {
  constexpr std::size_t kMostOfTheRest = 160;  // all but texts and elements
  std::size_t size = kMostOfTheRest;
  std::uint16_t flags = If(record.state_hash.has_value(), kHasStateHash) |
                        If(record.session.has_value(), kHasSession) |
                        If(record.request.has_value(), kHasRequest);
  std::visit(
      [&](const auto& update) {
        size += BodySize(update);
        flags |= FlagsOf(update);
      },
      record.update);
  if (record.session.has_value()) size += record.session->session_id.size();
  if (record.request.has_value()) size += record.request->id.size();

  ByteWriter writer(bytes);
  writer.Reserve(size);
  writer.Put(kFormatVersion);
  writer.Put(static_cast<std::uint8_t>(record.update.index() + 1));
  writer.Put(flags);
  writer.Put(std::int64_t{0});  // the size, once it is known
  writer.Put(record.time);
  Write(record.result, &writer);
  writer.Put(record.rows);
  if (record.state_hash.has_value()) writer.Put(*record.state_hash);
  if (record.session.has_value()) {
    writer.Put(record.session->sequence);
    writer.PutText(record.session->session_id);
  }
  if (record.request.has_value()) Write(*record.request, &writer);
  std::visit([&](const auto& update) { Write(update, &writer); }, record.update);
  writer.Replace(kSizeOffset, static_cast<std::int64_t>(writer.size()));
}

absl::StatusOr<std::vector<UpdateRecord>> DecodeRecords(std::string_view bytes) {
  ByteReader reader(bytes, "journal records");
  std::vector<UpdateRecord> records;
  while (reader.remaining() > 0) Read(&reader, &records.emplace_back());
  if (!reader.ok()) return reader.status();
  return records;
}

}  // namespace descent::store
