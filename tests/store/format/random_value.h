// Random values of everything that is stored, every field of them: numbers of any bits, texts of
// any bytes, every kind.

#ifndef TESTS_STORE_FORMAT_RANDOM_VALUE_H_
#define TESTS_STORE_FORMAT_RANDOM_VALUE_H_

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "core/snapshot.h"
#include "server/store/format/settings_kinds.h"
#include "tests/store/format/fields.h"

namespace descent::store {

// The doubles that are likeliest to be written wrongly.
inline constexpr double kAwkwardDoubles[] = {
    0.0,
    -0.0,
    0.1,
    1.0 / 3,
    -1e22,
    1e23,
    9007199254740993.0,
    std::numeric_limits<double>::denorm_min(),
    -std::numeric_limits<double>::denorm_min(),
    std::numeric_limits<double>::min(),
    2.2250738585072011e-308,
    std::numeric_limits<double>::max(),
    std::numeric_limits<double>::lowest(),
    std::numeric_limits<double>::epsilon(),
    std::numeric_limits<double>::infinity(),
    -std::numeric_limits<double>::infinity(),
    std::numeric_limits<double>::quiet_NaN(),
    std::numeric_limits<double>::signaling_NaN(),
};

class RandomValue {
 public:
  explicit RandomValue(std::uint64_t seed) : random_(seed) {}

  std::size_t Below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }

  void Fill(bool* value) { *value = Below(2) == 1; }
  void Fill(std::int32_t* value) { *value = static_cast<std::int32_t>(random_()); }
  void Fill(std::int64_t* value) { *value = static_cast<std::int64_t>(random_()); }
  void Fill(std::uint64_t* value) { *value = random_(); }
  void Fill(double* value) {
    *value = Below(4) == 0 ? kAwkwardDoubles[Below(std::size(kAwkwardDoubles))]
                           : std::bit_cast<double>(std::uint64_t{random_()});
  }
  void Fill(absl::Time* time) {
    *time = absl::FromUnixNanos(static_cast<std::int64_t>(random_()) / 2);
  }
  // Half of them plain text.
  void Fill(std::string* text) {
    text->assign(Below(12), '\0');
    const bool plain = Below(2) == 0;
    for (char& c : *text) c = static_cast<char>(plain ? 'a' + Below(26) : Below(256));
  }
  void Fill(std::map<std::string, std::string>* texts) {
    texts->clear();
    for (std::size_t left = Below(4); left > 0; --left) {
      std::string key;
      Fill(&key);
      Fill(&(*texts)[key]);
    }
  }
  void Fill(SharedText* text) {
    std::string filled;
    Fill(&filled);
    *text = SharedText(std::move(filled));
  }
  template <typename T>
    requires std::is_enum_v<T>
  void Fill(T* kind) {
    const auto rows = KindRows(*kind);
    *kind = rows[Below(rows.size())].kind;
  }
  template <typename T>
  void Fill(std::optional<T>* value) {
    value->reset();
    if (Below(2) == 0) Fill(&value->emplace());
  }
  template <typename T>
  void Fill(std::vector<T>* values) {
    values->clear();
    for (std::size_t left = Below(4); left > 0; --left) Fill(&values->emplace_back());
  }
  template <typename... Ts>
  void Fill(std::variant<Ts...>* value) {
    FillAlternative(Below(sizeof...(Ts)), value);
  }
  void Fill(Buffer* buffer) { FillBytes(static_cast<std::int64_t>(Below(40)), buffer); }
  void Fill(Matrix* matrix) {
    DataType type = DataType::kFloat32;
    Fill(&type);
    matrix->Resize(type, 1 + static_cast<std::int64_t>(Below(4)),
                   1 + static_cast<std::int64_t>(Below(5)));
    for (std::size_t i = 0; i < matrix->buffer().byte_size(); ++i) {
      matrix->buffer().bytes()[i] = static_cast<std::byte>(random_());
    }
  }
  void Fill(Batch* batch) {
    FillFields(batch);
    if (Below(2) == 0) batch->weights = Matrix();
  }
  void Fill(CategoryValues* values) {
    FillFields(values);
    if (Below(2) == 0) values->weights = Matrix();
  }
  void Fill(TableGradients* gradients) {
    FillFields(gradients);
    if (gradients->rows.empty()) gradients->values = Buffer();
  }
  void Fill(UpdateRecord* record) {
    FillFields(record);
    record->rows = static_cast<std::int64_t>(random_() >> 1);
  }
  // With parameters and slots of zeros, as they come out of a header.
  void Fill(TrainerState* state) {
    state->step = static_cast<std::int64_t>(random_() >> 1);
    state->optimizer_updates = static_cast<std::int64_t>(random_() >> 1);
    Fill(&state->scalars);
    DataType type = DataType::kFloat32;
    Fill(&type);
    const auto size = static_cast<std::int64_t>(1 + Below(100));
    state->parameters = SnapshotPool(type, size).Acquire(state->step);
    state->slots.clear();
    for (std::size_t left = Below(4); left > 0; --left) state->slots.emplace_back(type, size);
  }
  void Fill(ModelImage* image) {
    FillFields(image);
    image->history = {};
    for (std::size_t left = Below(4); left > 0; --left) {
      HistoryPoint point;
      FillFields(&point);
      point.step = image->state.step - static_cast<std::int64_t>(left);
      point.updates = static_cast<std::int64_t>(1 + Below(100));
      point.rows = static_cast<std::int64_t>(Below(1000));
      for (double* number : {&point.loss, &point.gradient_norm, &point.learning_rate}) {
        if (!std::isfinite(*number)) *number = 0;
      }
      point.measured_rows = point.rows / 2;
      for (double& measure : point.measures) {
        measure = std::isnan(measure) ? std::numeric_limits<double>::infinity() : std::abs(measure);
      }
      if (point.step > 0) image->history.points.push_back(point);
    }
    FillStatistics(image);
  }
  template <typename T>
    requires std::is_class_v<T>
  void Fill(T* value) {
    FillFields(value);
  }

  // A value of the alternative.
  template <std::size_t kIndex = 0, typename... Ts>
  void FillAlternative(std::size_t index, std::variant<Ts...>* value) {
    if constexpr (kIndex < sizeof...(Ts)) {
      if (index == kIndex) {
        Fill(&value->template emplace<kIndex>());
      } else {
        FillAlternative<kIndex + 1>(index, value);
      }
    }
  }

 private:
  // If its network normalises its inputs.
  void FillStatistics(ModelImage* image) {
    NetworkSpec& network = image->settings.network;
    if (!network.input_normalization.has_value()) return;
    network.input_features = static_cast<std::int64_t>(Below(5));
    std::vector<double> values(2 + 2 * static_cast<std::size_t>(network.input_features));
    for (double& value : values) Fill(&value);
    SnapshotPool::SetStatistics(image->state.parameters,
                                std::make_shared<const InputStatistics>(std::move(values)));
  }
  template <typename T>
  void FillFields(T* value) {
    std::apply([&](auto&... fields) { (Fill(&fields), ...); }, Fields(*value));
  }
  void FillBytes(std::int64_t size, Buffer* buffer) {
    DataType type = DataType::kFloat32;
    Fill(&type);
    buffer->Resize(type, size);
    for (std::size_t i = 0; i < buffer->byte_size(); ++i) {
      buffer->bytes()[i] = static_cast<std::byte>(random_());
    }
  }

  std::mt19937_64 random_;
};

template <typename T>
T Random(std::uint64_t seed) {
  T value;
  RandomValue(seed).Fill(&value);
  return value;
}

}  // namespace descent::store

#endif  // TESTS_STORE_FORMAT_RANDOM_VALUE_H_
