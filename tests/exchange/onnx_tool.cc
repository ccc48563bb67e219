// For onnx_interop_test.py: ONNX files of every case, and what networks from other files predict.
//
//   onnx_tool write DIRECTORY           NAME.onnx, NAME.in and NAME.out of each case: rows of
//   numbers
//                                       of the network's type, as Predict reads and answers them;
//                                       NAME.ids-INPUT of INT64, of each categorical input; and
//                                       NAME.exact of doubles, the answers without rounding to
//                                       floats
//   onnx_tool predict FILE ROWS [LOSS]  reads rows of doubles from standard input, and then of each
//                                       categorical input how many ids a row has, and those ids row
//                                       by row, as doubles; writes doubles, then trains on, and
//                                       fails unless the loss falls
//   onnx_tool encoded DIRECTORY         NAME.plain.onnx and NAME.onnx: networks for the encoding of
//   the
//                                       test, and the same with what encodes columns in the graph
//   onnx_tool again FILE                writes the file that is exported after it was imported

#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/encoding/encoding.h"
#include "client/cli/encoding/onnx_preprocessing.h"
#include "core/losses/kinds.h"
#include "core/trainer.h"
#include "descent/v1/network.pb.h"
#include "server/exchange/onnx/onnx_import.h"
#include "tests/exchange/onnx_cases.h"
#include "tests/support/random_network.h"

namespace descent::exchange {
namespace {

int Fail(const std::string& what) {
  std::cerr << what << "\n";
  return 1;
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

void WriteMatrix(const std::string& path, const Matrix& matrix) {
  const Buffer& buffer = matrix.buffer();
  WriteFile(path, std::string(static_cast<const char*>(static_cast<const void*>(buffer.bytes())),
                              buffer.byte_size()));
}

// What the same numbers predict when they are computed with in float64.
Matrix ExactPredictionsOf(const TrainedCase& of, const Trainer& trainer, const Matrix& inputs,
                          const Categories& categories) {
  TrainedCase exact = of;
  exact.network.data_type = DataType::kFloat64;
  const std::shared_ptr<const Network> network = testing::MakeNetwork(exact.network);
  const ParameterLayout& from = trainer.network().layout();
  ImportedModel model;
  model.network = exact.network;
  model.parameters = Buffer(DataType::kFloat64, network->layout().size());
  model.statistics = trainer.snapshot().statistics();
  for (std::size_t i = 0; i < from.parameters().size(); ++i) {
    for (std::int64_t j = 0; j < from.parameters()[i].size; ++j) {
      model.parameters.Set(network->layout().parameters()[i].offset + j,
                           trainer.snapshot().parameters().At(from.parameters()[i].offset + j));
    }
  }
  Matrix wide(DataType::kFloat64, inputs.rows(), inputs.cols());
  for (std::int64_t i = 0; i < inputs.size(); ++i) wide.buffer().Set(i, inputs.buffer().At(i));
  return PredictionsOf(*TrainerOf(std::move(model), exact.optimizer), wide, categories);
}

int Write(const std::string& directory) {
  constexpr std::int64_t kRows = 33;
  for (const auto& [name, each] : OnnxCases()) {
    const std::unique_ptr<Trainer> trainer = TrainedOn(each, 5);
    // Wide enough for both sides of every kink.
    const Matrix inputs =
        testing::RandomMatrix(each.network.data_type, kRows, each.network.input_features, 7, -6, 6);
    const std::string path = directory + "/" + name;
    WriteFile(path + ".onnx", OnnxOf(*trainer, {{"descent.step", "5"}}));
    const Categories categories = OneCategoryARow(each.network, kRows, 7);
    WriteMatrix(path + ".in", inputs);
    for (std::size_t i = 0; i < categories.size(); ++i) {
      std::string ids;
      for (const std::int64_t id : categories[i].buckets) {
        ids.append(static_cast<const char*>(static_cast<const void*>(&id)), sizeof(id));
      }
      WriteFile(absl::StrCat(path, ".ids-", each.network.categorical_inputs[i].name), ids);
    }
    WriteMatrix(path + ".out", PredictionsOf(*trainer, inputs, categories));
    WriteMatrix(path + ".exact", ExactPredictionsOf(each, *trainer, inputs, categories));
  }
  return 0;
}

// What onnx_interop_test.py encodes by itself.
cli::Encoding EncodingOfTheTest() {
  cli::Encoding encoding;
  encoding.inputs = {
      {"area", 0, cli::NumberEncoding{{100, 20}, 90}},
      {"ocean proximity", 1, cli::CategoryEncoding{{"<1H OCEAN", "?", "INLAND"}}},
      {"as it is", 2, cli::NumberEncoding{{0, 1}, std::nan("")}},
      {"day", 3, cli::NumberEncoding{{0.5, 0.25}, 0.5}, "", cli::DatePart::kYearSin},
      {"day", 3, cli::NumberEncoding{{18000, 300}, 18000}, "", cli::DatePart::kDays}};
  return encoding;
}

int WriteEncoded(const std::string& directory) {
  struct Case {
    const char* name;
    std::int64_t outputs;
    LossSpec loss;
    v1::LossKind kind;
    cli::TargetEncoding target;
  };
  const Case cases[] = {{"number",
                         1,
                         MeanSquaredErrorLoss{},
                         v1::LOSS_KIND_MEAN_SQUARED_ERROR,
                         {"price", 4, cli::Standardization{2e5, 1e5}}},
                        {"two_classes",
                         1,
                         BinaryCrossEntropyLoss{},
                         v1::LOSS_KIND_BINARY_CROSS_ENTROPY,
                         {"fraud", 4, cli::CategoryEncoding{{"no", "yes"}}}},
                        {"classes",
                         3,
                         SoftmaxCrossEntropyLoss{},
                         v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY,
                         {"kind", 4, cli::CategoryEncoding{{"a", "b", "c"}}}}};
  for (const Case& each : cases) {
    for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
      cli::Encoding encoding = EncodingOfTheTest();
      encoding.target = each.target;
      TrainedCase trained;
      trained.network = testing::DenseNetwork(encoding.features(), {8, each.outputs},
                                              GeluActivation{}, each.loss, type);
      trained.optimizer.learning_rate = 0.1;
      const std::string plain = OnnxOf(*TrainedOn(trained, 3));
      v1::NetworkSpec network;
      network.set_data_type(type == DataType::kFloat32 ? v1::DATA_TYPE_FLOAT32
                                                       : v1::DATA_TYPE_FLOAT64);
      network.mutable_loss()->set_kind(each.kind);
      network.add_layers()->mutable_dense()->set_units(each.outputs);
      const absl::StatusOr<std::string> encoded = cli::WithPreprocessing(plain, encoding, network);
      if (!encoded.ok()) return Fail(encoded.status().ToString());
      const std::string path =
          absl::StrCat(directory, "/", each.name, ".", std::string(DataTypeName(type)));
      WriteFile(path + ".plain.onnx", plain);
      WriteFile(path + ".onnx", *encoded);
    }
  }
  return 0;
}

std::optional<LossSpec> LossCalled(const std::string& name) {
  for (const LossInfo& info : Losses()) {
    if (info.name == name) return info.defaults;
  }
  return std::nullopt;
}

absl::StatusOr<std::unique_ptr<Trainer>> ReadFile(const std::string& path,
                                                  const std::optional<LossSpec>& loss) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  absl::StatusOr<ImportedModel> model = ReadOnnx(bytes.str(), {.loss = loss});
  if (!model.ok()) return model.status();
  OptimizerSpec optimizer;
  optimizer.learning_rate = 1e-4;
  optimizer.algorithm = AdamOptions{};
  return TrainerOf(*std::move(model), optimizer);
}

// The loss falls when the network is trained to predict what it does not.
bool TrainsOn(Trainer* trainer, const Matrix& inputs, Categories categories,
              const Matrix& outputs) {
  Batch batch;
  batch.categories = std::move(categories);
  batch.inputs = inputs.Clone();
  Matrix targets(outputs.type(), outputs.rows(), outputs.cols());
  for (std::int64_t i = 0; i < targets.size(); ++i) {
    // Each row another class; of one output, every second row.
    const std::int64_t row = i / outputs.cols();
    const bool is_class =
        outputs.cols() == 1 ? row % 2 == 0 : i % outputs.cols() == row % outputs.cols();
    targets.buffer().Set(i, is_class ? 1 : 0);
  }
  batch.targets = std::move(targets);
  const absl::StatusOr<UpdateResult> before = trainer->Step(batch);
  absl::StatusOr<UpdateResult> after = before;
  for (int i = 0; i < 20 && after.ok(); ++i) after = trainer->Step(batch);
  if (!after.ok()) std::cerr << after.status() << "\n";
  return after.ok() && after->loss < before->loss;
}

int Predict(const std::string& path, std::int64_t rows, const std::string& loss) {
  const auto trainer = ReadFile(path, LossCalled(loss));
  if (!trainer.ok()) return Fail(std::string(trainer.status().message()));
  const Network& network = (*trainer)->network();
  const std::string bytes(std::istreambuf_iterator<char>(std::cin), {});
  std::size_t read = 0;
  bool is_short = false;
  const auto next = [&] {
    double value = 0;
    is_short = is_short || bytes.size() - read < sizeof(value);
    if (is_short) return value;
    std::memcpy(&value, bytes.data() + read, sizeof(value));
    read += sizeof(value);
    return value;
  };
  Matrix inputs(network.data_type(), rows, network.input_features());
  for (std::int64_t i = 0; i < inputs.size(); ++i) inputs.buffer().Set(i, next());
  Categories categories(network.tables().size());
  for (CategoryValues& values : categories) {
    const auto ids = static_cast<std::int64_t>(next());
    for (std::int64_t i = 0; i < rows * ids && !is_short; ++i) {
      values.buckets.push_back(static_cast<std::int32_t>(next()));
    }
    for (std::int64_t row = 0; ids != 1 && row <= rows; ++row) {
      values.row_splits.push_back(row * ids);
    }
  }
  if (is_short || read != bytes.size()) return Fail("expected other rows");
  const Matrix outputs = PredictionsOf(**trainer, inputs, categories);
  for (std::int64_t i = 0; i < outputs.size(); ++i) {
    const double value = outputs.buffer().At(i);
    std::cout.write(static_cast<const char*>(static_cast<const void*>(&value)), sizeof(value));
  }
  if (!TrainsOn(trainer->get(), inputs, std::move(categories), outputs))
    return Fail("training on lowers no loss");
  return 0;
}

int Again(const std::string& path) {
  const auto trainer = ReadFile(path, std::nullopt);
  if (!trainer.ok()) return Fail(std::string(trainer.status().message()));
  std::cout << OnnxOf(**trainer);
  return 0;
}

}  // namespace
}  // namespace descent::exchange

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  std::int64_t rows = 0;
  if (arguments.size() == 2 && arguments[0] == "write") {
    return descent::exchange::Write(arguments[1]);
  }
  if (arguments.size() == 2 && arguments[0] == "encoded") {
    return descent::exchange::WriteEncoded(arguments[1]);
  }
  if (arguments.size() == 2 && arguments[0] == "again") {
    return descent::exchange::Again(arguments[1]);
  }
  if (arguments.size() >= 3 && arguments[0] == "predict" && absl::SimpleAtoi(arguments[2], &rows)) {
    return descent::exchange::Predict(arguments[1], rows, arguments.size() > 3 ? arguments[3] : "");
  }
  return descent::exchange::Fail("expected write, predict, encoded or again");
}
