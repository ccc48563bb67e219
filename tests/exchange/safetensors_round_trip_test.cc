// Out and in again: the same state, to the bit, for every kind there is.

#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_replace.h"
#include "core/optimizers/kinds.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/exchange/metadata_keys.h"
#include "server/exchange/safetensors/header.h"
#include "server/exchange/state_hash.h"
#include "tests/exchange/trained_files.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"

namespace descent::exchange {
namespace {

using ::descent::testing::FailsAt;
using ::descent::testing::IsOk;
using ::descent::testing::StatusIs;
using ::testing::Contains;
using ::testing::Eq;
using ::testing::HasSubstr;

constexpr int kUpdates = 5;

class RoundTrip : public ::testing::TestWithParam<std::pair<const std::string, TrainedCase>> {
 protected:
  const TrainedCase& of() const { return GetParam().second; }
};

TEST_P(RoundTrip, WithTheOptimizerEveryBitComesBack) {
  const std::unique_ptr<Trainer> exporter = Trained(of(), kUpdates);
  const std::string file = SafetensorsOf(*exporter, /*with_optimizer=*/true);
  auto read = ReadSafetensors(file, of().network, of().optimizer);
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(read->step, Eq(kUpdates));
  const std::unique_ptr<Trainer> importer = TrainerOf(*std::move(read), of().optimizer);
  EXPECT_THAT(importer->StateHash(), Eq(exporter->StateHash()));
  EXPECT_THAT(SafetensorsOf(*importer, true), Eq(file));
  // Training goes on as it would have.
  for (const std::uint64_t seed : {100U, 101U, 102U}) {
    const auto expected = exporter->Step(BatchFor(of().network, seed));
    const auto actual = importer->Step(BatchFor(of().network, seed));
    ASSERT_THAT(expected, IsOk());
    ASSERT_THAT(actual, IsOk());
    EXPECT_THAT(actual->loss, Eq(expected->loss));
    EXPECT_THAT(importer->StateHash(), Eq(exporter->StateHash()));
  }
}

TEST_P(RoundTrip, WithoutItTheOptimizerBeginsAfresh) {
  const std::unique_ptr<Trainer> exporter = Trained(of(), kUpdates);
  const std::string file = SafetensorsOf(*exporter, /*with_optimizer=*/false);
  auto read = ReadSafetensors(file, of().network, of().optimizer);
  ASSERT_THAT(read, IsOk());
  EXPECT_FALSE(read->optimizer_state.has_value());
  const std::string hash = read->metadata.at(kStateHashKey);
  const std::unique_ptr<Trainer> importer = TrainerOf(*std::move(read), of().optimizer);
  EXPECT_THAT(StateHashText(importer->StateHash()), Eq(hash));
  EXPECT_THAT(importer->step(), Eq(kUpdates));
  EXPECT_THAT(SafetensorsOf(*importer, false), Eq(file));
}

INSTANTIATE_TEST_SUITE_P(AllKinds, RoundTrip, ::testing::ValuesIn(TrainedCases()),
                         [](const auto& kind) {
                           return absl::StrReplaceAll(kind.param.first, {{".", "_"}});
                         });

TrainedCase Plain(DataType type = DataType::kFloat32) {
  return TrainedCases().at(type == DataType::kFloat32 ? "layer.dense.float32"
                                                      : "layer.dense.float64");
}

TEST(SafetensorsWriter, AlignsTensorsAndSortsThem) {
  const std::string file = SafetensorsOf(*Trained(TrainedCases().at("normalized.float32"), 1), true,
                                         {{"key", "an \"ö\"\n"}});
  const auto header = ReadHeader(absl::Cord(file));
  ASSERT_THAT(header, IsOk());
  EXPECT_THAT(header->data_begin % 8, Eq(0));
  EXPECT_THAT(header->metadata, Contains(std::pair("key", "an \"ö\"\n")));
  const TensorEntry* before = nullptr;
  for (const TensorEntry& tensor : header->tensors) {
    EXPECT_THAT(tensor.begin % static_cast<std::int64_t>(tensor.type->width), Eq(0)) << tensor.name;
    if (before != nullptr && before->type == tensor.type) {
      EXPECT_LT(before->name, tensor.name);
    }
    before = &tensor;
  }
}

// The slot's gaps keep what it began with.
TEST(SafetensorsReader, KeepsTheHashWhereTheInitialSlotValueWasChanged) {
  TrainedCase of = TrainedCases().at("optimizer.adagrad_accumulated.float32");
  const std::unique_ptr<Trainer> exporter = Trained(of, 1);
  std::get<AdagradOptions>(of.optimizer.algorithm).initial_accumulator_value = 0.25;
  ASSERT_THAT(exporter->SetOptimizer(of.optimizer), IsOk());
  const std::string file = SafetensorsOf(*exporter, true);
  auto read = ReadSafetensors(file, of.network, of.optimizer);
  ASSERT_THAT(read, IsOk());
  const std::unique_ptr<Trainer> importer = TrainerOf(*std::move(read), of.optimizer);
  EXPECT_THAT(importer->StateHash(), Eq(exporter->StateHash()));
  EXPECT_THAT(SafetensorsOf(*importer, true), Eq(file));
}

TEST(SafetensorsReader, WidensButDoesNotRound) {
  const TrainedCase narrow = Plain(DataType::kFloat32);
  const TrainedCase wide = Plain(DataType::kFloat64);
  const std::unique_ptr<Trainer> trainer = Trained(narrow, 2);
  const std::string file = SafetensorsOf(*trainer, false);
  const auto read = ReadSafetensors(file, wide.network, wide.optimizer, /*other_optimizer=*/true);
  ASSERT_THAT(read, IsOk());
  const ParameterLayout& layout = trainer->network().layout();
  const auto network = testing::MakeNetwork(wide.network);
  for (std::size_t p = 0; p < layout.parameters().size(); ++p) {
    const ParameterInfo& from = layout.parameters()[p];
    const ParameterInfo& to = network->layout().parameters()[p];
    for (std::int64_t i = 0; i < from.size; ++i) {
      ASSERT_THAT(read->parameters.At(to.offset + i),
                  Eq(trainer->snapshot().parameters().At(from.offset + i)));
    }
  }
  EXPECT_THAT(
      ReadSafetensors(SafetensorsOf(*Trained(wide, 2), false), narrow.network, narrow.optimizer),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("would have to be rounded")));
}

TEST(SafetensorsReader, LeavesOutTheStateOfAnotherOptimizer) {
  const TrainedCase adam = Plain();
  const std::string file = SafetensorsOf(*Trained(adam, 2), true);
  OptimizerSpec lion = adam.optimizer;
  lion.algorithm = LionOptions{};
  EXPECT_THAT(ReadSafetensors(file, adam.network, lion), FailsAt("file", "FILE_MISMATCH"));
  const auto read = ReadSafetensors(file, adam.network, lion, /*other_optimizer=*/true);
  ASSERT_THAT(read, IsOk());
  EXPECT_FALSE(read->optimizer_state.has_value());
  // The same kind with other numbers goes on with the state.
  OptimizerSpec slower = adam.optimizer;
  slower.learning_rate /= 2;
  const auto kept = ReadSafetensors(file, adam.network, slower, /*other_optimizer=*/true);
  ASSERT_THAT(kept, IsOk());
  EXPECT_TRUE(kept->optimizer_state.has_value());
}

// The file with `bytes` in the place of the tensor's first ones.
std::string WithValue(std::string file, const std::string& tensor, std::string_view bytes) {
  const auto header = ReadHeader(absl::Cord(file));
  for (const TensorEntry& entry : header->tensors) {
    if (entry.name != tensor) continue;
    file.replace(static_cast<std::size_t>(header->data_begin + entry.begin), bytes.size(), bytes);
    return file;
  }
  ADD_FAILURE() << "no tensor " << tensor;
  return file;
}

template <typename T>
std::string Bytes(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

TEST(SafetensorsReader, RefusesNumbersThatNoTrainingLeadsTo) {
  struct Case {
    const char* of;
    const char* tensor;
    std::string bytes;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const Case& c : {
           Case{"layer.dense.float32", "layers.0.kernel", Bytes(nan)},
           Case{"layer.dense.float32", "optimizer.exp_avg.layers.0.kernel", Bytes(nan)},
           Case{"layer.dense.float32", "optimizer.exp_avg_sq.layers.1.bias", Bytes(-1.0F)},
           Case{"optimizer.adam_amsgrad.float64", "optimizer.max_exp_avg_sq.layers.1.bias",
                Bytes(-1e-9)},
           Case{"optimizer.adagrad.float64", "optimizer.sum.layers.1.bias", Bytes(-1e-9)},
           Case{"optimizer.rmsprop.float32", "optimizer.square_avg.layers.1.bias", Bytes(-1.0F)},
           Case{"optimizer.adadelta.float32", "optimizer.acc_delta.layers.1.bias", Bytes(-1.0F)},
           Case{"optimizer.ftrl.float32", "optimizer.n.layers.1.bias", Bytes(-1.0F)},
           Case{"optimizer.nadam.float32", "optimizer.mu_product", Bytes(1.5)},
           Case{"normalized.float32", "inputs.mean", Bytes(infinity)},
           Case{"normalized.float32", "inputs.squares", Bytes(-1.0)},
           Case{"normalized.float32", "inputs.rows", Bytes(std::int64_t{-1})},
           Case{"normalized.float32", "inputs.rows",
                Bytes(std::numeric_limits<std::int64_t>::max())},
           Case{"normalized.float32", "inputs.weight_sum", Bytes(0.0)},
           Case{"normalized.float32", "inputs.weight_sum", Bytes(1e9)},
       }) {
    const TrainedCase of = TrainedCases().at(c.of);
    const std::string file = SafetensorsOf(*Trained(of, 2), true);
    const auto read = ReadSafetensors(WithValue(file, c.tensor, c.bytes), of.network, of.optimizer);
    EXPECT_THAT(read, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.tensor))) << c.of;
  }
}

TEST(SafetensorsReader, NoticesAChangedNumberByTheHash) {
  const TrainedCase of = Plain();
  const std::string file =
      WithValue(SafetensorsOf(*Trained(of, 2), true), "layers.0.kernel", Bytes(0.125F));
  EXPECT_THAT(ReadSafetensors(file, of.network, of.optimizer),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("descent.state_hash")));
}

TEST(SafetensorsReader, RefusesWhatDoesNotFitTheNetwork) {
  const TrainedCase of = Plain();
  const std::string file = SafetensorsOf(*Trained(of, 2), true);
  const auto with = [&](const std::function<void(NetworkSpec*)>& change) {
    NetworkSpec network = of.network;
    change(&network);
    return ReadSafetensors(file, network, of.optimizer).status();
  };
  EXPECT_THAT(with([](NetworkSpec* n) { testing::DenseAt(*n, 0).units = 8; }),
              FailsAt("file", "FILE_MISMATCH"));
  EXPECT_THAT(with([](NetworkSpec* n) { n->layers.emplace_back(DenseSpec{.units = 2}); }),
              FailsAt("file", "FILE_MISMATCH"));
  EXPECT_THAT(with([](NetworkSpec* n) { n->layers.pop_back(); }), FailsAt("file", "FILE_MISMATCH"));
  EXPECT_THAT(with([](NetworkSpec* n) { testing::DenseAt(*n, 1).omit_bias = true; }),
              FailsAt("file", "FILE_MISMATCH"));
  EXPECT_THAT(with([](NetworkSpec* n) { n->input_features = 4; }),
              FailsAt("file", "FILE_MISMATCH"));
}

TEST(SafetensorsReader, RefusesCountsThatCanNotBe) {
  const TrainedCase of = Plain();
  const std::unique_ptr<Trainer> trainer = Trained(of, 2);
  const std::string file = SafetensorsOf(*trainer, true);
  for (const char* count : {"\"descent.step\":\"-1\"", "\"descent.step\":\"x\"",
                            "\"descent.step\":\"9223372036854775807\"", "\"descent.step\":\"1\""}) {
    std::string changed = absl::StrReplaceAll(file, {{"\"descent.step\":\"2\"", count}});
    std::uint64_t length = 0;
    std::memcpy(&length, changed.data(), sizeof length);
    length += changed.size() - file.size();
    std::memcpy(changed.data(), &length, sizeof length);
    EXPECT_THAT(ReadSafetensors(changed, of.network, of.optimizer),
                FailsAt("file", "MALFORMED_FILE"))
        << count;
  }
}

}  // namespace
}  // namespace descent::exchange
