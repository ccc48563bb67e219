// Models as ONNX files and back: the same file, the same predictions, the same next update.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/exchange/metadata_keys.h"
#include "server/exchange/onnx/onnx_export.h"
#include "server/exchange/onnx/onnx_import.h"
#include "tests/exchange/onnx_cases.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"

namespace descent::exchange {
namespace {

using testing::IsOk;
using testing::RandomMatrix;

constexpr int kUpdates = 3;

bool SameBits(const Matrix& a, const Matrix& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() && a.type() == b.type() &&
         std::memcmp(a.buffer().bytes(), b.buffer().bytes(), a.buffer().byte_size()) == 0;
}

class OnnxRoundTripTest : public ::testing::TestWithParam<std::string> {
 protected:
  const TrainedCase case_ = OnnxCases().at(GetParam());
  const std::unique_ptr<Trainer> trainer_ = TrainedOn(case_, kUpdates);
  const FileMetadata metadata_ = {{kStepKey, "3"}, {"b", "text"}};
  // ONNX has no place for the optimizer's state, of which plain descent has its count of updates.
  std::unique_ptr<Trainer> GoOn(ImportedModel model) const {
    model.optimizer_state.emplace().updates = kUpdates;
    return TrainerOf(std::move(model), case_.optimizer);
  }

  const std::string file_ = OnnxOf(*trainer_, metadata_);
};

TEST_P(OnnxRoundTripTest, ExportAfterImportIsTheSameFile) {
  absl::StatusOr<ImportedModel> read = ReadOnnx(file_, {.described = case_.network});
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->step, kUpdates);
  const FileMetadata metadata = read->metadata;
  const std::unique_ptr<Trainer> again = GoOn(*std::move(read));
  EXPECT_EQ(again->StateHash(), trainer_->StateHash());
  EXPECT_EQ(OnnxOf(*again, metadata), file_);
}

TEST_P(OnnxRoundTripTest, TheNextUpdateIsTheExportersNext) {
  absl::StatusOr<ImportedModel> read = ReadOnnx(file_, {.network = case_.network});
  ASSERT_THAT(read, IsOk());
  const std::unique_ptr<Trainer> again = GoOn(*std::move(read));
  const Batch batch = OnnxBatchFor(case_.network, kUpdates);
  ASSERT_THAT(trainer_->Step(batch), IsOk());
  ASSERT_THAT(again->Step(batch), IsOk());
  EXPECT_EQ(again->StateHash(), trainer_->StateHash());
}

TEST_P(OnnxRoundTripTest, TheGraphAlonePredictsTheSame) {
  absl::StatusOr<ImportedModel> read = ReadOnnx(file_, {});
  ASSERT_THAT(read, IsOk());
  const std::unique_ptr<Trainer> again = GoOn(*std::move(read));
  const Matrix inputs = RandomMatrix(case_.network.data_type, 5, case_.network.input_features, 9);
  const Categories categories = OneCategoryARow(case_.network, 5, 9);
  EXPECT_TRUE(SameBits(PredictionsOf(*again, inputs, categories),
                       PredictionsOf(*trainer_, inputs, categories)));
  // Its own export is the same file from then on.
  const std::string file = OnnxOf(*again, metadata_);
  absl::StatusOr<ImportedModel> once_more = ReadOnnx(file, {});
  ASSERT_THAT(once_more, IsOk());
  EXPECT_EQ(OnnxOf(*GoOn(*std::move(once_more)), metadata_), file);
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const auto& [name, each] : OnnxCases()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Cases, OnnxRoundTripTest, ::testing::ValuesIn(Names()),
                         [](const auto& of) {
                           std::string name = of.param;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace descent::exchange
