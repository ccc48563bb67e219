#include "core/metrics.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "core/check.h"
#include "core/kernels/portable_math.h"
#include "core/losses/kinds.h"
#include "core/two_class_metrics.h"

namespace descent {

class MetricsAccumulator::Kind {
 public:
  virtual ~Kind() = default;
  virtual void Add(const Matrix& outputs, const Targets& targets, const Matrix& weights) = 0;
  // weight_sum: V.
  virtual void Finish(double weight_sum, std::map<std::string, double>* metrics) = 0;
  virtual std::size_t FixedBytes() const = 0;
  virtual std::size_t BytesPerRow() const { return 0; }
};

namespace {

double Weight(const Matrix& weights, std::int64_t row) {
  return weights.empty() ? 1 : weights.At(row, 0);
}

// What one output should be. A class index is the number that the single output should be.
double TargetAt(const Targets& targets, std::int64_t row, std::int64_t output) {
  if (const auto* values = std::get_if<Matrix>(&targets)) return values->At(row, output);
  return std::get<ClassIndices>(targets)[static_cast<std::size_t>(row)];
}

// Real targets and counts.
class RegressionMetrics final : public MetricsAccumulator::Kind {
 public:
  RegressionMetrics(const Network& network, TargetKind targets)
      : loss_(network.loss()),
        converts_(targets == TargetKind::kCount),
        outputs_(network.outputs()) {}

  void Add(const Matrix& outputs, const Targets& targets, const Matrix& weights) override {
    Matrix converted;
    if (converts_) {
      converted = outputs.Clone();
      WithElementType(outputs.type(), [&](auto zero) {
        loss_.ToTargetTerms(converted.data<decltype(zero)>(), converted.rows(), converted.cols());
      });
    }
    const Matrix& predictions = converts_ ? converted : outputs;
    for (std::int64_t i = 0; i < predictions.rows(); ++i) {
      const double weight = Weight(weights, i);
      if (weight == 0) continue;
      weight_sum_ += weight;
      for (std::int64_t d = 0; d < predictions.cols(); ++d) {
        outputs_[static_cast<std::size_t>(d)].Add(predictions.At(i, d), TargetAt(targets, i, d),
                                                  weight, weight_sum_);
      }
    }
  }

  void Finish(double weight_sum, std::map<std::string, double>* metrics) override {
    double squares = 0;
    double absolutes = 0;
    double r2 = 0;
    for (const Output& output : outputs_) {
      squares += output.squares;
      absolutes += output.absolutes;
      r2 += output.R2();
    }
    const auto count = static_cast<double>(outputs_.size());
    (*metrics)["rmse"] = std::sqrt(squares / (count * weight_sum));
    (*metrics)["mae"] = absolutes / (count * weight_sum);
    (*metrics)["r2"] = r2 / count;
  }

  std::size_t FixedBytes() const override {
    return sizeof *this + outputs_.capacity() * sizeof(Output);
  }

 private:
  struct Output {
    double squares = 0;    // Σ v (p - y)²
    double absolutes = 0;  // Σ v |p - y|
    double mean = 0;       // of y so far
    double variation = 0;  // Σ v (y - mean)², by West's update (1979), which loses no digits

    void Add(double prediction, double target, double weight, double weight_sum) {
      const double residual = prediction - target;
      squares += weight * residual * residual;
      absolutes += weight * std::abs(residual);
      const double deviation = target - mean;
      mean += deviation * (weight / weight_sum);
      variation += weight * deviation * (target - mean);
    }

    double R2() const {
      if (variation > 0) return 1 - squares / variation;
      return squares == 0 ? 1 : 0;
    }
  };

  const Loss& loss_;
  const bool converts_;  // outputs are logarithms of rates
  std::vector<Output> outputs_;
  double weight_sum_ = 0;
};

// Class indices or distributions over the outputs, which are logits.
class ClassMetrics final : public MetricsAccumulator::Kind {
 public:
  explicit ClassMetrics(std::int64_t outputs) {
    if (outputs == 2) two_classes_.emplace();
  }

  void Add(const Matrix& outputs, const Targets& targets, const Matrix& weights) override {
    for (std::int64_t i = 0; i < outputs.rows(); ++i) {
      const double weight = Weight(weights, i);
      if (weight == 0) continue;
      const std::int64_t predicted = Largest(outputs, i);
      const double largest = outputs.At(i, predicted);
      double exponentials = 0;
      for (std::int64_t d = 0; d < outputs.cols(); ++d) {
        exponentials += portable::Exp(outputs.At(i, d) - largest);
      }
      const double log_normalizer = largest + portable::Log(exponentials);

      std::int64_t actual = 0;
      double log_loss = 0;
      if (const auto* classes = std::get_if<ClassIndices>(&targets)) {
        actual = (*classes)[static_cast<std::size_t>(i)];
        log_loss = log_normalizer - outputs.At(i, actual);
      } else {
        const Matrix& shares = std::get<Matrix>(targets);
        actual = Largest(shares, i);
        for (std::int64_t d = 0; d < outputs.cols(); ++d) {
          // A share of 0 counts for nothing, whatever is predicted.
          if (shares.At(i, d) != 0)
            log_loss += shares.At(i, d) * (log_normalizer - outputs.At(i, d));
        }
      }
      if (predicted == actual) correct_ += weight;
      log_loss_ += weight * log_loss;
      if (two_classes_) {
        two_classes_->Add(outputs.At(i, 1) - outputs.At(i, 0), predicted == 1, actual == 1, weight);
      }
    }
  }

  void Finish(double weight_sum, std::map<std::string, double>* metrics) override {
    (*metrics)["accuracy"] = correct_ / weight_sum;
    (*metrics)["log_loss"] = log_loss_ / weight_sum;
    if (two_classes_) two_classes_->Finish(metrics);
  }

  std::size_t FixedBytes() const override { return sizeof *this; }
  std::size_t BytesPerRow() const override {
    return two_classes_ ? TwoClassMetrics::kBytesPerRow : 0;
  }

 private:
  // The first of the largest.
  static std::int64_t Largest(const Matrix& values, std::int64_t row) {
    std::int64_t largest = 0;
    for (std::int64_t d = 1; d < values.cols(); ++d) {
      if (values.At(row, d) > values.At(row, largest)) largest = d;
    }
    return largest;
  }

  double correct_ = 0;
  double log_loss_ = 0;
  std::optional<TwoClassMetrics> two_classes_;
};

// A probability for each output, which is a logit.
class ProbabilityMetrics final : public MetricsAccumulator::Kind {
 public:
  explicit ProbabilityMetrics(std::int64_t outputs) : outputs_(static_cast<double>(outputs)) {
    if (outputs == 1) two_classes_.emplace();
  }

  void Add(const Matrix& outputs, const Targets& targets, const Matrix& weights) override {
    for (std::int64_t i = 0; i < outputs.rows(); ++i) {
      const double weight = Weight(weights, i);
      if (weight == 0) continue;
      for (std::int64_t d = 0; d < outputs.cols(); ++d) {
        const double w = outputs.At(i, d);
        const double y = TargetAt(targets, i, d);
        const bool predicted = w >= 0;
        const bool is_true = y >= 0.5;
        if (predicted == is_true) correct_ += weight;
        log_loss_ +=
            weight * (std::max(w, 0.0) - w * y + portable::Log1p(portable::Exp(-std::abs(w))));
        if (two_classes_) two_classes_->Add(w, predicted, is_true, weight);
      }
    }
  }

  void Finish(double weight_sum, std::map<std::string, double>* metrics) override {
    (*metrics)["accuracy"] = correct_ / (outputs_ * weight_sum);
    (*metrics)["log_loss"] = log_loss_ / (outputs_ * weight_sum);
    if (two_classes_) two_classes_->Finish(metrics);
  }

  std::size_t FixedBytes() const override { return sizeof *this; }
  std::size_t BytesPerRow() const override {
    return two_classes_ ? TwoClassMetrics::kBytesPerRow : 0;
  }

 private:
  const double outputs_;
  double correct_ = 0;
  double log_loss_ = 0;
  std::optional<TwoClassMetrics> two_classes_;
};

std::unique_ptr<MetricsAccumulator::Kind> MakeKind(const Network& network) {
  const TargetKind targets = GetLossInfo(network.spec().loss).targets;
  switch (targets) {
    case TargetKind::kDistribution:
      return std::make_unique<ClassMetrics>(network.outputs());
    case TargetKind::kProbability:
      return std::make_unique<ProbabilityMetrics>(network.outputs());
    case TargetKind::kReal:
    case TargetKind::kCount:
      break;
  }
  return std::make_unique<RegressionMetrics>(network, targets);
}

}  // namespace

MetricsAccumulator::MetricsAccumulator(std::shared_ptr<const Network> network)
    : network_(std::move(network)), kind_(MakeKind(*network_)) {}

MetricsAccumulator::~MetricsAccumulator() = default;

const Matrix& MetricsAccumulator::Add(const Matrix& outputs, const Targets& targets,
                                      const Matrix& weights) {
  row_losses_.Resize(network_->data_type(), outputs.rows(), 1);
  WithElementType(network_->data_type(), [&](auto zero) {
    using T = decltype(zero);
    TargetView<T> view;
    if (const auto* values = std::get_if<Matrix>(&targets)) {
      view.values = values->data<T>();
    } else {
      view.classes = std::get<ClassIndices>(targets).data();
    }
    network_->loss().Evaluate(outputs.data<T>(), view, /*scales=*/nullptr, outputs.rows(),
                              outputs.cols(), row_losses_.data<T>(), /*gradient=*/nullptr);
  });
  for (std::int64_t i = 0; i < outputs.rows(); ++i) {
    // A row without weight counts for nothing, even when its loss is not finite.
    const double weight = Weight(weights, i);
    if (weight == 0) continue;
    weight_sum_ += weight;
    loss_sum_ += weight * row_losses_.At(i, 0);
  }
  rows_ += outputs.rows();
  kind_->Add(outputs, targets, weights);
  return row_losses_;
}

std::size_t MetricsAccumulator::BytesFor(std::int64_t rows, std::int64_t batch_rows) const {
  // A vector that has grown holds up to twice what is in it.
  return sizeof *this + kind_->FixedBytes() +
         2 * static_cast<std::size_t>(rows) * kind_->BytesPerRow() +
         static_cast<std::size_t>(batch_rows) * ByteWidth(network_->data_type());
}

MetricsSummary MetricsAccumulator::Finish() {
  DESCENT_CHECK(weight_sum_ > 0);
  MetricsSummary summary{.rows = rows_, .loss = loss_sum_ / weight_sum_, .metrics = {}};
  kind_->Finish(weight_sum_, &summary.metrics);
  return summary;
}

}  // namespace descent
