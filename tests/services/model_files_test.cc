// ExportModel and ImportModel through the real server, with models that last.

#include <atomic>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/wire/specs.h"
#include "tests/exchange/trained_files.h"
#include "tests/services/disk_service_fixture.h"

namespace descent::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Le;
using ::testing::Ne;
using ::testing::Pair;

v1::Tensor TensorOf(v1::DataType type, std::int64_t rows, std::int64_t cols, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  v1::Tensor tensor;
  tensor.set_data_type(type);
  tensor.add_shape(rows);
  tensor.add_shape(cols);
  for (std::int64_t i = 0; i < rows * cols; ++i) {
    const float narrow = uniform(generator);
    const double wide = narrow;
    if (type == v1::DATA_TYPE_FLOAT32) {
      tensor.mutable_raw()->append(reinterpret_cast<const char*>(&narrow), sizeof narrow);
    } else {
      tensor.mutable_raw()->append(reinterpret_cast<const char*>(&wide), sizeof wide);
    }
  }
  return tensor;
}

class ModelFilesTest : public DiskServiceTest {
 protected:
  ModelFilesTest() { RestartOnDisk(); }

  std::string Export(const std::string& model, bool include_optimizer) {
    v1::ExportModelRequest request;
    request.set_model(model);
    request.set_format(v1::EXPORT_FORMAT_SAFETENSORS);
    request.set_include_optimizer(include_optimizer);
    const auto answer = client_->Call(request);
    EXPECT_TRUE(answer.ok()) << answer.status;
    return answer->chunk();
  }

  static v1::ImportModelRequest Start(const std::string& name, const v1::Model& model = {}) {
    v1::ImportModelRequest start;
    start.mutable_start()->set_name(name);
    start.mutable_start()->set_format(v1::EXPORT_FORMAT_SAFETENSORS);
    *start.mutable_start()->mutable_model() = model;
    return start;
  }

  // In chunks of another size than those that came.
  Answer<v1::ImportModelResponse> Import(const std::string& name, const std::string& file,
                                         const v1::Model& model = {}) {
    std::vector<v1::ImportModelRequest> requests = {Start(name, model)};
    for (std::size_t i = 0; i < file.size(); i += 10'007) {
      requests.emplace_back().set_chunk(file.substr(i, 10'007));
    }
    return client_->Call(requests);
  }

  // Makes a line model and trains it some.
  void TrainLine(const std::string& name, int updates = 3) {
    v1::CreateModelRequest request = LineModel(name);
    request.mutable_model()->mutable_optimizer()->mutable_sgd()->set_momentum(0.5);
    Create(request);
    for (int i = 0; i < updates; ++i) {
      EXPECT_TRUE(client_->Call(StepOf(name, LineBatch(8, static_cast<unsigned>(i)))).ok());
    }
  }

  void ExpectNoModel(const std::string& name) {
    EXPECT_THAT(client_->Call(GetOf(name)), FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
  }
};

// Beside the exporter, then after a restart; every kind of layer and optimizer.
TEST_F(ModelFilesTest, OutAndInAgainIsTheSameModel) {
  std::map<std::string, std::uint64_t> hashes;
  for (const auto& [title, of] : exchange::TrainedCases()) {
    const std::string name = absl::StrCat("m", hashes.size());
    v1::CreateModelRequest create;
    create.mutable_model()->set_name(name);
    wire::EncodeNetworkSpec(of.network, create.mutable_model()->mutable_network());
    wire::EncodeOptimizerSpec(of.optimizer, create.mutable_model()->mutable_optimizer());
    (*create.mutable_model()->mutable_labels())["b"] = "2";
    (*create.mutable_model()->mutable_labels())["a"] = "1";
    create.mutable_model()->set_client_data("{\"columns\": [\"ö\"]}");
    Create(create);
    const v1::DataType type = create.model().network().data_type();
    const auto batch = [&](unsigned seed) {
      v1::Batch made;
      const std::int64_t features = of.network.input_features;
      if (features > 0) *made.mutable_inputs() = TensorOf(type, 6, features, seed);
      *made.mutable_targets() = TensorOf(type, 6, 2, seed + 1);
      for (const CategoricalInputSpec& input : of.network.categorical_inputs) {
        v1::CategoricalValues* const values = made.add_categories();
        values->set_name(input.name);
        values->mutable_ids()->set_data_type(v1::DATA_TYPE_INT64);
        values->mutable_ids()->add_shape(6);
        for (std::int64_t row = 0; row < 6; ++row) {
          values->mutable_ids()->mutable_ints()->add_values((row + seed) % input.buckets);
        }
      }
      return made;
    };
    for (unsigned seed = 0; seed < 4; ++seed) {
      ASSERT_TRUE(client_->Call(StepOf(name, batch(seed))).ok()) << title;
    }
    const std::string file = Export(name, /*include_optimizer=*/true);
    const std::string copy = name + "-copy";
    const auto imported = Import(copy, file);
    ASSERT_TRUE(imported.ok()) << title << imported.status;

    v1::Model expected = Get(name);
    v1::Model actual = Get(copy);
    EXPECT_THAT(imported->model().state_hash(), Eq(expected.state_hash())) << title;
    EXPECT_THAT(actual.step(), Eq(4));
    EXPECT_THAT(actual.durable_step(), Eq(4));
    expected.set_name(copy);
    *expected.mutable_create_time() = actual.create_time();
    *expected.mutable_update_time() = actual.update_time();
    EXPECT_THAT(actual.SerializeAsString().size(), Eq(expected.SerializeAsString().size()));
    EXPECT_THAT(actual.DebugString(), Eq(expected.DebugString())) << title;
    EXPECT_TRUE(Export(copy, true) == file) << title;

    const auto step = client_->Call(StepOf(name, batch(100)));
    const auto step_of_copy = client_->Call(StepOf(copy, batch(100)));
    ASSERT_TRUE(step_of_copy.ok()) << step_of_copy.status;
    EXPECT_THAT(step_of_copy->loss(), Eq(step->loss())) << title;
    hashes[copy] = Get(copy).state_hash();
    EXPECT_THAT(hashes[copy], Eq(Get(name).state_hash())) << title;
  }
  RestartOnDisk();
  for (const auto& [name, hash] : hashes) EXPECT_THAT(Get(name).state_hash(), Eq(hash)) << name;
}

TEST_F(ModelFilesTest, WithoutTheOptimizerItBeginsAfresh) {
  TrainLine("line");
  const std::string file = Export("line", /*include_optimizer=*/false);
  ASSERT_TRUE(Import("copy", file).ok());
  EXPECT_THAT(Get("copy").step(), Eq(3));
  EXPECT_THAT(Get("copy").state_hash(), Ne(Get("line").state_hash()));
  EXPECT_TRUE(Export("copy", false) == file);
  RestartOnDisk();
  EXPECT_TRUE(Export("copy", false) == file);
}

// Nothing has been appended to it yet, so all there is comes from the import.
TEST_F(ModelFilesTest, AnImportLastsAsItsDurabilitySays) {
  TrainLine("line");
  const std::string file = Export("line", true);
  v1::Model model;
  ASSERT_TRUE(Import("journal", file).ok());
  model.set_durability(v1::DURABILITY_CHECKPOINT);
  ASSERT_TRUE(Import("checkpoint", file, model).ok());
  model.set_durability(v1::DURABILITY_MEMORY);
  const auto in_memory = Import("memory", file, model);
  ASSERT_TRUE(in_memory.ok());
  EXPECT_THAT(in_memory->model().durability(), Eq(v1::DURABILITY_MEMORY));
  EXPECT_THAT(in_memory->model().durable_step(), Eq(3));
  EXPECT_THAT(Get("memory").durable_step(), Eq(3));
  EXPECT_THAT(Get("journal").durability(), Eq(v1::DURABILITY_JOURNAL));
  EXPECT_THAT(Get("checkpoint").durability(), Eq(v1::DURABILITY_CHECKPOINT));
  RestartOnDisk();
  EXPECT_TRUE(Export("journal", true) == file);
  EXPECT_TRUE(Export("checkpoint", true) == file);
  ExpectNoModel("memory");
}

TEST_F(ModelFilesTest, AnImportedModelTrainsOnAndIsRecovered) {
  TrainLine("line");
  ASSERT_TRUE(Import("copy", Export("line", true)).ok());
  for (unsigned seed = 10; seed < 15; ++seed) {
    ASSERT_TRUE(client_->Call(StepOf("copy", LineBatch(8, seed))).ok());
  }
  const v1::Model before = Get("copy");
  EXPECT_THAT(before.step(), Eq(8));
  EXPECT_THAT(before.durable_step(), Eq(8));
  RestartOnDisk();
  EXPECT_THAT(Get("copy").state_hash(), Eq(before.state_hash()));
  EXPECT_THAT(Get("copy").step(), Eq(8));
}

TEST_F(ModelFilesTest, TheRequestGoesBeforeTheFile) {
  TrainLine("line");
  v1::Model model;
  model.mutable_optimizer()->set_learning_rate(0.5);
  model.mutable_optimizer()->mutable_adam();
  (*model.mutable_labels())["owner"] = "me";
  model.set_client_data("mine");
  const auto imported = Import("copy", Export("line", true), model);
  ASSERT_TRUE(imported.ok()) << imported.status;
  const v1::Model copy = Get("copy");
  EXPECT_THAT(copy.optimizer().learning_rate(), Eq(0.5));
  EXPECT_THAT(copy.labels(), ElementsAre(Pair("owner", "me")));
  EXPECT_THAT(copy.client_data(), Eq("mine"));
  EXPECT_THAT(copy.step(), Eq(3));
  EXPECT_TRUE(client_->Call(StepOf("copy", LineBatch(8, 1))).ok());
}

// Some F32 tensors that count on from 1.
std::string PlainFile(const std::vector<std::pair<std::string, std::vector<int>>>& tensors) {
  std::string json = "{";
  std::string data;
  float next = 1;
  for (const auto& [name, shape] : tensors) {
    const std::size_t begin = data.size();
    int elements = 1;
    for (const int extent : shape) elements *= extent;
    for (int i = 0; i < elements; ++i, ++next) {
      data.append(reinterpret_cast<const char*>(&next), sizeof next);
    }
    absl::StrAppend(&json, json == "{" ? "" : ",", "\"", name, R"(":{"dtype":"F32","shape":[)");
    for (std::size_t i = 0; i < shape.size(); ++i) {
      absl::StrAppend(&json, i == 0 ? "" : ",", shape[i]);
    }
    absl::StrAppend(&json, R"(],"data_offsets":[)", begin, ",", data.size(), "]}");
  }
  json += "}";
  const std::uint64_t length = json.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + json + data;
}

TEST_F(ModelFilesTest, PyTorchsFileComesInWithASpec) {
  const std::string file = PlainFile({{"0.weight", {1, 2}}, {"0.bias", {1}}});
  const v1::Model line = LineModel("unused").model();
  v1::Model model;
  *model.mutable_network() = line.network();
  EXPECT_THAT(Import("torch", file, model), FailsAt("start.model.optimizer", "REQUIRED_FIELD"));
  *model.mutable_optimizer() = line.optimizer();
  model.clear_network();
  EXPECT_THAT(Import("torch", file, model), FailsAt("start.model.network", "REQUIRED_FIELD"));
  *model.mutable_network() = line.network();
  const auto imported = Import("torch", file, model);
  ASSERT_TRUE(imported.ok()) << imported.status;
  const auto answer = client_->Call(PredictOf("torch", Floats({1, 2}, {10, 100})));
  EXPECT_THAT(answer->outputs().floats().values(), ElementsAre(10 * 1 + 100 * 2 + 3));
  EXPECT_THAT(answer->step(), Eq(0));
}

TEST_F(ModelFilesTest, NothingIsLeftOfWhatIsRefused) {
  TrainLine("line");
  const std::string file = Export("line", true);
  EXPECT_THAT(Import("line", file), FailsWith(StatusCode::kAlreadyExists, "MODEL_EXISTS"));
  EXPECT_THAT(Import("copy", file.substr(0, file.size() - 1)), FailsAt("file", "MALFORMED_FILE"));
  EXPECT_THAT(Import("copy", file + "x"), FailsAt("file", "MALFORMED_FILE"));
  EXPECT_THAT(Import("copy", ""), FailsAt("file", "MALFORMED_FILE"));
  EXPECT_THAT(Import("copy", std::string(100, 'x')), FailsAt("file", "MALFORMED_FILE"));
  EXPECT_THAT(Import("Copy", file), FailsAt("start.name", "INVALID_NAME"));
  v1::Model model;
  model.set_step(3);
  EXPECT_THAT(Import("copy", file, model), FailsAt("start.model.step", "OUTPUT_ONLY_FIELD"));
  model.clear_step();
  model.set_name("other");
  EXPECT_THAT(Import("copy", file, model), FailsAt("start.model.name", "CONTRADICTORY_FIELDS"));
  model.clear_name();
  *model.mutable_network() = SlowModel("unused").model().network();
  EXPECT_THAT(Import("copy", file, model), FailsAt("file", "FILE_MISMATCH"));
  model.mutable_network()->mutable_layers(0)->mutable_dense()->set_units(-1);
  EXPECT_THAT(Import("copy", file, model),
              FailsAt("model.network.layers[0].dense.units", "INVALID_FIELD"));
  ExpectNoModel("copy");
  EXPECT_TRUE(Import("copy", file).ok());
}

TEST_F(ModelFilesTest, MessagesComeInTheirOrder) {
  v1::ImportModelRequest chunk;
  chunk.set_chunk("x");
  EXPECT_THAT(client_->Call(std::vector<v1::ImportModelRequest>()),
              FailsAt("start", "REQUIRED_FIELD"));
  EXPECT_THAT(client_->Call(std::vector{chunk}), FailsAt("start", "REQUIRED_FIELD"));
  EXPECT_THAT(client_->Call(std::vector{Start("a"), Start("a")}),
              FailsAt("start", "CONTRADICTORY_FIELDS"));
  EXPECT_THAT(client_->Call(std::vector{Start("a"), v1::ImportModelRequest()}),
              FailsAt("chunk", "REQUIRED_FIELD"));
  v1::ImportModelRequest start = Start("a");
  start.mutable_start()->clear_format();
  EXPECT_THAT(client_->Call(std::vector{start}), FailsAt("start.format", "REQUIRED_FIELD"));
  ExpectNoModel("a");
}

TEST_F(ModelFilesTest, ExportsSayWhatTheyLack) {
  TrainLine("line");
  v1::ExportModelRequest request;
  EXPECT_THAT(client_->Call(request), FailsAt("model", "REQUIRED_FIELD"));
  request.set_model("none");
  EXPECT_THAT(client_->Call(request), FailsAt("format", "REQUIRED_FIELD"));
  request.set_format(v1::EXPORT_FORMAT_SAFETENSORS);
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
  request.set_model("line");
  request.set_format(v1::EXPORT_FORMAT_ONNX);
  request.set_include_optimizer(true);
  EXPECT_THAT(client_->Call(request), FailsAt("include_optimizer", "CONTRADICTORY_FIELDS"));
}

TEST_F(ModelFilesTest, OnnxGoesOutAndComesInAgain) {
  TrainLine("line");
  v1::ExportModelRequest request;
  request.set_model("line");
  request.set_format(v1::EXPORT_FORMAT_ONNX);
  const auto file = client_->Call(request);
  ASSERT_TRUE(file.ok()) << file.status;
  v1::ImportModelRequest start = Start("copy");
  start.mutable_start()->set_format(v1::EXPORT_FORMAT_ONNX);
  v1::ImportModelRequest chunk;
  chunk.set_chunk(file->chunk());
  const auto imported = client_->Call(std::vector{start, chunk});
  ASSERT_TRUE(imported.ok()) << imported.status;
  EXPECT_THAT(Get("copy").network().SerializeAsString(),
              Eq(Get("line").network().SerializeAsString()));
  EXPECT_THAT(Get("copy").step(), Eq(3));
  const v1::Tensor rows = LineBatch(5, 9).inputs();
  EXPECT_THAT(client_->Call(PredictOf("copy", rows))->outputs().DebugString(),
              Eq(client_->Call(PredictOf("line", rows))->outputs().DebugString()));
  EXPECT_TRUE(client_->Call(StepOf("copy", LineBatch(8, 1))).ok());
  RestartOnDisk();
  EXPECT_THAT(Get("copy").step(), Eq(4));
  chunk.set_chunk("no ONNX");
  start.mutable_start()->set_name("none");
  EXPECT_THAT(client_->Call(std::vector{start, chunk}), FailsAt("file", "MALFORMED_FILE"));
}

TEST_F(ModelFilesTest, AnOnnxGraphIsTrainedByTheLossThatIsSaid) {
  TrainLine("line");
  v1::ExportModelRequest request;
  request.set_model("line");
  request.set_format(v1::EXPORT_FORMAT_ONNX);
  const auto file = client_->Call(request);
  ASSERT_TRUE(file.ok()) << file.status;
  v1::ImportModelRequest start = Start("robust");
  start.mutable_start()->set_format(v1::EXPORT_FORMAT_ONNX);
  v1::Loss* const loss = start.mutable_start()->mutable_model()->mutable_network()->mutable_loss();
  loss->set_kind(v1::LOSS_KIND_HUBER);
  v1::ImportModelRequest chunk;
  chunk.set_chunk(file->chunk());
  const auto imported = client_->Call(std::vector{start, chunk});
  ASSERT_TRUE(imported.ok()) << imported.status;
  EXPECT_THAT(Get("robust").network().loss().kind(), Eq(v1::LOSS_KIND_HUBER));
  EXPECT_THAT(Get("robust").network().layers_size(), Eq(Get("line").network().layers_size()));
  // A loss that is none, and a loss alone where the file says nothing of a graph.
  start.mutable_start()->set_name("none");
  loss->set_kind(static_cast<v1::LossKind>(99));
  EXPECT_THAT(client_->Call(std::vector{start, chunk}),
              FailsAt("start.model.network.loss.kind", "UNKNOWN_ENUM_VALUE"));
  loss->set_kind(v1::LOSS_KIND_HUBER);
  start.mutable_start()->set_format(v1::EXPORT_FORMAT_SAFETENSORS);
  EXPECT_FALSE(client_->Call(std::vector{start, chunk}).ok());
  ExpectNoModel("none");
}

// Larger than a message: in many chunks, of one step, though updates go on.
TEST_F(ModelFilesTest, IsOfOneStepWhileTrainingGoesOn) {
  v1::CreateModelRequest create = SlowModel("slow");
  create.mutable_model()->mutable_optimizer()->mutable_adam();
  Create(create);
  const v1::Batch batch = SlowBatch();
  std::atomic<bool> stop = false;
  std::map<std::int64_t, std::uint64_t> hashes;
  std::thread trainer([&] {
    ServiceClient client(server_->InProcessChannel());
    while (!stop) {
      EXPECT_TRUE(client.Call(StepOf("slow", batch)).ok());
      const auto answer = client.Call(GetOf("slow"));
      hashes[answer->model().step()] = answer->model().state_hash();
    }
  });
  std::vector<v1::Model> imported;
  for (int i = 0; i < 3; ++i) {
    const std::string file = Export("slow", true);
    EXPECT_GT(file.size(), 12U << 20);
    const auto answer = Import(absl::StrCat("copy", i), file);
    EXPECT_TRUE(answer.ok()) << answer.status;
    imported.push_back(answer->model());
  }
  stop = true;
  trainer.join();
  hashes[0] = 0;
  for (const v1::Model& model : imported) {
    if (model.step() == 0) continue;
    EXPECT_THAT(hashes, ::testing::Contains(Pair(model.step(), model.state_hash())));
  }
}

TEST_F(ModelFilesTest, AFileBeyondTheMemoryIsRefusedAndItsMemoryGivenBack) {
  Create(SlowModel("slow"));
  const std::string file = Export("slow", true);
  models_options_.memory_budget_bytes = file.size() / 2;
  Restart();
  const auto answer = Import("copy", file);
  EXPECT_THAT(answer, FailsWith(StatusCode::kResourceExhausted, "MEMORY_BUDGET"));
  ExpectNoModel("copy");
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (registry_->memory()->used() > 1U << 20 && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(1));  // the call goes when gRPC is done with it
  }
  EXPECT_THAT(registry_->memory()->used(), Le(1U << 20));
}

}  // namespace
}  // namespace descent::testing
