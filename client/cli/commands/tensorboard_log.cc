#include "client/cli/commands/tensorboard_log.h"

#include <google/protobuf/util/time_util.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/status_macros.h"
#include "clock/steady.h"

namespace descent::cli {
namespace {

constexpr absl::string_view kLoss = "train/loss";
constexpr absl::string_view kGradientNorm = "train/gradient_norm";
constexpr absl::string_view kLearningRate = "train/learning_rate";
constexpr absl::string_view kRowsPerSecond = "train/rows_per_second";
constexpr absl::string_view kTestLoss = "test/loss";

absl::Time TimeOf(const v1::HistoryPoint& point) {
  return absl::FromUnixNanos(
      google::protobuf::util::TimeUtil::TimestampToNanoseconds(point.time()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TensorBoardLog>> TensorBoardLog::Create(const std::string& directory,
                                                                       int64_t step) {
  ASSIGN_OR_RETURN(std::unique_ptr<EventFile> file, EventFile::Create(directory, absl::Now()));
  RETURN_IF_ERROR(file->BeginAt(step + 1, absl::Now()));
  return std::unique_ptr<TensorBoardLog>(new TensorBoardLog(std::move(file)));
}

TensorBoardLog::TensorBoardLog(std::unique_ptr<EventFile> file)
    : file_(std::move(file)), rate_since_(SteadyNow()) {}

void TensorBoardLog::Write(int64_t step, const std::vector<Scalar>& scalars) {
  if (status_.ok()) status_ = file_->Add(step, absl::Now(), scalars);
}

void TensorBoardLog::Add(const v1::TrainAck& ack) {
  std::vector<Scalar> scalars = {{kLoss, ack.loss()},
                                 {kGradientNorm, ack.gradient_norm()},
                                 {kLearningRate, ack.learning_rate()}};
  // Over a while, as acks come in bursts; a file of few rows has one for each epoch.
  constexpr absl::Duration kWhile = absl::Milliseconds(200);
  rate_rows_ += ack.rows();
  const absl::Time now = SteadyNow();
  if (now - rate_since_ >= kWhile) {
    const double seconds = absl::ToDoubleSeconds(now - rate_since_);
    scalars.push_back({kRowsPerSecond, static_cast<double>(rate_rows_) / seconds});
    rate_since_ = now;
    rate_rows_ = 0;
  }
  Write(ack.step(), scalars);
}

void TensorBoardLog::Add(const EpochResult& epoch) {
  std::vector<std::string> tags;
  for (const auto& [name, value] : epoch.test_metrics) tags.push_back(absl::StrCat("test/", name));
  std::vector<Scalar> scalars;
  if (epoch.test_loss.has_value()) scalars.push_back({kTestLoss, *epoch.test_loss});
  auto tag = tags.begin();
  for (const auto& [name, value] : epoch.test_metrics) scalars.push_back({*tag++, value});
  // Of the rows alone: testing them takes time as well.
  const double seconds = absl::ToDoubleSeconds(epoch.training_time);
  if (rate_rows_ > 0 && seconds > 0) {
    scalars.push_back({kRowsPerSecond, static_cast<double>(epoch.rows) / seconds});
  }
  if (!scalars.empty()) Write(epoch.step, scalars);
  rate_since_ = SteadyNow();
  rate_rows_ = 0;
}

absl::Status WriteHistory(const std::vector<v1::HistoryPoint>& points,
                          const std::string& directory) {
  ASSIGN_OR_RETURN(const std::unique_ptr<EventFile> file,
                   EventFile::Create(directory, absl::Now()));
  std::optional<absl::Time> before;
  for (const v1::HistoryPoint& point : points) {
    std::vector<Scalar> scalars;
    if (point.rows() > 0) scalars.push_back({kLoss, point.loss()});
    scalars.push_back({kGradientNorm, point.gradient_norm()});
    scalars.push_back({kLearningRate, point.learning_rate()});
    const absl::Time time = TimeOf(point);
    // From point to point, pauses and all.
    if (point.rows() > 0 && before.has_value() && time > *before) {
      scalars.push_back({kRowsPerSecond, static_cast<double>(point.rows()) /
                                             absl::ToDoubleSeconds(time - *before)});
    }
    before = time;
    std::vector<std::string> tags;
    for (const auto& [name, value] : point.metrics()) tags.push_back(absl::StrCat("train/", name));
    auto tag = tags.begin();
    for (const auto& [name, value] : point.metrics()) scalars.push_back({*tag++, value});
    RETURN_IF_ERROR(file->Add(point.step(), time, scalars));
  }
  return absl::OkStatus();
}

}  // namespace descent::cli
