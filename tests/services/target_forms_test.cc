// Every loss with every form of targets, every number of outputs and every data type, through every
// call that takes them: each answers with finite numbers that agree with the others', or refuses
// the targets by name.

#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/losses/kinds.h"
#include "server/wire/element_type.h"
#include "server/wire/kinds.h"
#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

constexpr std::int64_t kFeatures = 2;

// How a tensor is written: its data type, and whether as bytes or as numbers.
struct Form {
  const wire::ElementType* type;
  bool raw;

  std::string Name() const { return absl::StrCat(type->name, raw ? " raw" : " numbers"); }
};

std::vector<Form> Forms() {
  std::vector<Form> forms;
  for (const wire::ElementType& type : wire::ElementTypes()) {
    forms.push_back({&type, true});
    if (type.values != v1::Tensor::CONTENTS_NOT_SET) forms.push_back({&type, false});
  }
  return forms;
}

template <typename T>
void AppendRaw(T value, std::string* raw) {
  raw->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// One of 0, 1, 2, 3.
void AppendRaw(int value, v1::DataType type, std::string* raw) {
  constexpr std::uint16_t kHalves[] = {0x0000, 0x3c00, 0x4000, 0x4200};
  switch (type) {
    case v1::DATA_TYPE_FLOAT32:
      return AppendRaw(static_cast<float>(value), raw);
    case v1::DATA_TYPE_FLOAT64:
      return AppendRaw(static_cast<double>(value), raw);
    case v1::DATA_TYPE_INT32:
      return AppendRaw(static_cast<std::int32_t>(value), raw);
    case v1::DATA_TYPE_INT64:
      return AppendRaw(static_cast<std::int64_t>(value), raw);
    case v1::DATA_TYPE_FLOAT16:
      return AppendRaw(kHalves[value], raw);
    case v1::DATA_TYPE_BFLOAT16:
      return AppendRaw(
          static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16),
          raw);
    case v1::DATA_TYPE_UINT8:
      return AppendRaw(static_cast<std::uint8_t>(value), raw);
    default:
      FAIL() << "no bytes are known of data type " << type;
  }
}

v1::Tensor Tensor(const Form& form, const std::vector<std::int64_t>& shape,
                  const std::vector<int>& values) {
  v1::Tensor tensor;
  tensor.set_data_type(form.type->data_type);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  if (form.raw) {
    for (const int value : values) {
      AppendRaw(value, form.type->data_type, tensor.mutable_raw());
    }
  } else if (form.type->values == v1::Tensor::kFloats) {
    tensor.mutable_floats()->mutable_values()->Assign(values.begin(), values.end());
  } else if (form.type->values == v1::Tensor::kDoubles) {
    tensor.mutable_doubles()->mutable_values()->Assign(values.begin(), values.end());
  } else {
    tensor.mutable_ints()->mutable_values()->Assign(values.begin(), values.end());
  }
  return tensor;
}

// One pair of a loss and a number of outputs, in a data type.
struct Case {
  const LossInfo& loss;
  wire::KindRow<v1::LossKind, LossSpec> kind;
  v1::DataType data_type;
  std::int64_t outputs;

  bool TakesClasses() const {
    return loss.targets == TargetKind::kDistribution ||
           (loss.targets == TargetKind::kProbability && outputs == 1);
  }
  // How many classes there are.
  int Classes() const {
    return loss.targets == TargetKind::kDistribution ? static_cast<int>(outputs) : 2;
  }

  v1::CreateModelRequest Request(const std::string& name) const {
    auto request = FromText<v1::CreateModelRequest>(R"(
      model {
        network {
          input_features: 2
          layers { dense { units: 3 activation { kind: ACTIVATION_KIND_TANH } } }
          layers { dense {} }
          seed: 5
        }
        optimizer { learning_rate: 0.1 sgd {} }
      })");
    v1::NetworkSpec* const network = request.mutable_model()->mutable_network();
    request.mutable_model()->set_name(name);
    network->mutable_layers(1)->mutable_dense()->set_units(outputs);
    network->mutable_loss()->set_kind(kind.wire);
    network->set_data_type(data_type);
    return request;
  }
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const auto& kind : wire::LossRows()) {
    for (const auto& data_type : wire::NetworkDataTypeRows()) {
      if (data_type.wire == v1::DATA_TYPE_UNSPECIFIED) continue;
      for (const std::int64_t outputs : {1, 2, 3}) {
        cases.push_back({GetLossInfo(kind.core), kind, data_type.wire, outputs});
      }
    }
  }
  return cases;
}

enum class Shape : std::uint8_t { kVector, kColumn, kMatrix };

// The class of a row.
int ClassOf(const Case& of, int row) { return (row * 2 + 1) % of.Classes(); }

// Targets in a shape that means the same as in any other: the row's class, the indicator of it, or
// numbers that the loss accepts.
v1::Tensor Targets(const Case& of, const Form& form, Shape shape, int rows) {
  std::vector<int> values;
  if (shape == Shape::kVector || (shape == Shape::kColumn && of.outputs > 1)) {
    for (int i = 0; i < rows; ++i) values.push_back(ClassOf(of, i));
    return shape == Shape::kVector ? Tensor(form, {rows}, values) : Tensor(form, {rows, 1}, values);
  }
  for (int i = 0; i < rows; ++i) {
    for (int d = 0; d < of.outputs; ++d) {
      const bool is_indicator = of.loss.targets == TargetKind::kDistribution;
      values.push_back(is_indicator      ? (ClassOf(of, i) == d ? 1 : 0)
                       : of.outputs == 1 ? ClassOf(of, i)
                                         : (i + d) % 2);
    }
  }
  return Tensor(form, {rows, of.outputs}, values);
}

bool IsAccepted(const Case& of, const Form& form, Shape shape) {
  switch (shape) {
    case Shape::kVector:
      return form.type->is_integer && of.TakesClasses();
    case Shape::kColumn:
      return of.outputs == 1;
    case Shape::kMatrix:
      return true;
  }
  return false;
}

v1::Tensor Inputs(const Form& form, int rows) {
  std::vector<int> values;
  for (int i = 0; i < rows * kFeatures; ++i) values.push_back((i * 5 + 1) % 4);
  return Tensor(form, {rows, kFeatures}, values);
}

// With a row that counts for nothing, when there is another.
v1::Tensor Weights(const Form& form, int rows) {
  std::vector<int> values;
  for (int i = 0; i < rows; ++i) values.push_back(i == 1 ? 0 : i % 3 + 1);
  return Tensor(form, {rows}, values);
}

bool IsFinite(const v1::Tensor& tensor) {
  for (const float value : tensor.floats().values()) {
    if (!std::isfinite(value)) return false;
  }
  for (const double value : tensor.doubles().values()) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

class TargetFormsTest : public ServiceTest {
 protected:
  struct Loss {
    CallStatus status;
    double loss = 0;
  };

  Loss Gradient(const v1::Batch& batch) {
    v1::GradientRequest request;
    request.set_model("m");
    *request.mutable_inputs() = batch.inputs();
    *request.mutable_targets() = batch.targets();
    if (batch.has_weights()) *request.mutable_weights() = batch.weights();
    const auto answer = client_->Call(request);
    EXPECT_TRUE(std::isfinite(answer->gradient_norm()));
    for (const v1::NamedTensor& gradient : answer->gradients()) {
      EXPECT_TRUE(IsFinite(gradient.tensor()));
    }
    return {answer.status, answer->loss()};
  }

  // The learning rate is 0: the parameters stay what they are.
  Loss Step(const v1::Batch& batch) {
    v1::StepRequest request = StepOf("m", batch);
    request.set_learning_rate(0);
    const auto answer = client_->Call(request);
    return {answer.status, answer->loss()};
  }

  Loss Train(const v1::Batch& batch) {
    TrainStream stream = client_->Train();
    stream.Write(StartOf("m", absl::StrCat("session-", ++sessions_)));
    v1::TrainRequest request = BatchOf(1, batch);
    request.mutable_batch()->set_learning_rate(0);
    stream.Write(request);
    stream.HalfClose();
    Loss loss;
    while (const auto response = stream.Read()) {
      if (response->has_ack()) loss.loss = response->ack().loss();
    }
    loss.status = stream.Finish();
    return loss;
  }

  Loss Evaluate(const std::vector<v1::Batch>& batches) {
    std::vector<v1::EvaluateRequest> requests;
    for (const v1::Batch& batch : batches) {
      requests.emplace_back().set_model("m");
      *requests.back().mutable_batch() = batch;
    }
    const auto answer = client_->Call(requests);
    for (const auto& [name, value] : answer->metrics()) {
      EXPECT_TRUE(std::isfinite(value)) << name;
    }
    return {answer.status, answer->loss()};
  }

  // Every call answers with the same loss, to a rounding, or refuses the targets.
  std::optional<double> LossOf(const v1::Batch& batch) {
    const Loss gradient = Gradient(batch);
    const std::pair<const char*, Loss> others[] = {
        {"Step", Step(batch)}, {"Train", Train(batch)}, {"Evaluate", Evaluate({batch})}};
    for (const auto& [name, other] : others) {
      EXPECT_EQ(other.status.code, gradient.status.code) << name << " " << other.status;
      if (other.status.ok()) {
        EXPECT_DOUBLE_EQ(other.loss, gradient.loss) << name;
      } else {
        EXPECT_EQ(other.status.fields,
                  std::vector<std::string>{name == std::string("Train") ? "batch.batch.targets"
                                                                        : "batch.targets"})
            << name << " " << other.status;
      }
    }
    if (gradient.status.ok()) {
      EXPECT_TRUE(std::isfinite(gradient.loss));
      return gradient.loss;
    }
    EXPECT_EQ(gradient.status.code, absl::StatusCode::kInvalidArgument) << gradient.status;
    EXPECT_EQ(gradient.status.fields, std::vector<std::string>{"targets"}) << gradient.status;
    return std::nullopt;
  }

  // For each case, a model "m" of it; afterwards the server is as it was, and ends when it is told.
  template <typename Check>
  void ForEachCase(const Check& check) {
    for (const Case& of : Cases()) {
      SCOPED_TRACE(absl::StrCat(std::string(of.loss.name), ", ", v1::DataType_Name(of.data_type),
                                ", ", of.outputs, " outputs"));
      ASSERT_NO_FATAL_FAILURE(Create(of.Request("m")));
      check(of);
      v1::DeleteModelRequest deletion;
      deletion.set_name("m");
      ASSERT_TRUE(client_->Call(deletion).ok());
      if (HasFailure()) break;  // one case's failures are enough to read
    }
    EXPECT_EQ(client_->CheckHealth(""), "SERVING");
    EXPECT_TRUE(server_->Drain(absl::Now() + absl::Seconds(30)));
  }

  int sessions_ = 0;
};

const Form& NumbersOf(v1::DataType data_type) {
  static const std::vector<Form> kForms = Forms();
  for (const Form& form : kForms) {
    if (form.type->data_type == data_type && !form.raw) return form;
  }
  return kForms.front();
}

TEST_F(TargetFormsTest, EveryCallTakesTheSameTargetsAndAnswersAlike) {
  ForEachCase([&](const Case& of) {
    const Form& plain = NumbersOf(of.data_type);
    for (const int rows : {1, 5}) {
      v1::Batch batch;
      *batch.mutable_inputs() = Inputs(plain, rows);
      *batch.mutable_targets() = Targets(of, plain, Shape::kMatrix, rows);
      const std::optional<double> expected = LossOf(batch);
      ASSERT_TRUE(expected.has_value());
      for (const Form& form : Forms()) {
        for (const Shape shape : {Shape::kVector, Shape::kColumn, Shape::kMatrix}) {
          SCOPED_TRACE(absl::StrCat(form.Name(), ", shape ", static_cast<int>(shape)));
          *batch.mutable_targets() = Targets(of, form, shape, rows);
          const std::optional<double> loss = LossOf(batch);
          EXPECT_EQ(loss.has_value(), IsAccepted(of, form, shape));
          if (loss.has_value()) {
            EXPECT_NEAR(*loss, *expected, 1e-5);
          }
        }
      }
    }
  });
}

TEST_F(TargetFormsTest, InputsAndWeightsOfEveryTypeMeanTheSame) {
  ForEachCase([&](const Case& of) {
    const Form& plain = NumbersOf(of.data_type);
    constexpr int kRows = 5;
    v1::Batch batch;
    *batch.mutable_inputs() = Inputs(plain, kRows);
    *batch.mutable_targets() = Targets(of, plain, Shape::kMatrix, kRows);
    *batch.mutable_weights() = Weights(plain, kRows);
    const std::optional<double> expected = LossOf(batch);
    ASSERT_TRUE(expected.has_value());
    const auto prediction = client_->Call(PredictOf("m", batch.inputs()));
    ASSERT_TRUE(prediction.ok()) << prediction;
    EXPECT_TRUE(IsFinite(prediction->outputs()));
    for (const Form& form : Forms()) {
      SCOPED_TRACE(form.Name());
      *batch.mutable_inputs() = Inputs(form, kRows);
      *batch.mutable_weights() = Weights(form, kRows);
      EXPECT_EQ(LossOf(batch), expected);
      if (of.TakesClasses()) {
        v1::Batch classes = batch;
        *classes.mutable_targets() =
            Targets(of, NumbersOf(v1::DATA_TYPE_INT64), Shape::kVector, kRows);
        EXPECT_NEAR(LossOf(classes).value_or(NAN), *expected, 1e-5);
      }
      EXPECT_TRUE(client_->Call(PredictOf("m", batch.inputs())).ok());
      v1::ForwardRequest forward;
      forward.set_model("m");
      *forward.mutable_inputs() = batch.inputs();
      const auto layers = client_->Call(forward);
      EXPECT_TRUE(layers.ok()) << layers;
      EXPECT_EQ(layers->layers_size(), 2);
    }
  });
}

TEST_F(TargetFormsTest, AnEvaluationMayMixTheForms) {
  ForEachCase([&](const Case& of) {
    constexpr int kRows = 5;
    std::vector<v1::Batch> batches;
    for (const Form& form : Forms()) {
      for (const Shape shape : {Shape::kVector, Shape::kColumn, Shape::kMatrix}) {
        if (!IsAccepted(of, form, shape)) continue;
        v1::Batch& batch = batches.emplace_back();
        *batch.mutable_inputs() = Inputs(form, kRows);
        *batch.mutable_targets() = Targets(of, form, shape, kRows);
      }
    }
    const Loss one = Evaluate({batches.front()});
    const Loss all = Evaluate(batches);
    ASSERT_TRUE(one.status.ok() && all.status.ok()) << one.status << all.status;
    EXPECT_NEAR(all.loss, one.loss, 1e-5);
  });
}

}  // namespace
}  // namespace descent::testing
