#include "client/descent/model_files.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/descent/client.h"
#include "descent/v1/model_service.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent::client {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const grpc::Status kAway(grpc::StatusCode::UNAVAILABLE, "away");
const grpc::Status kTaken(grpc::StatusCode::ALREADY_EXISTS, "taken");

// What happens to one call: after so many chunks it ends with the status.
struct Break {
  int after = 0;
  grpc::Status status = kAway;
};

// Exports three chunks, and imports whatever comes; calls come one at a time.
class FilesServer final : public v1::ModelService::Service {
 public:
  grpc::Status ExportModel(grpc::ServerContext* /*context*/, const v1::ExportModelRequest* request,
                           grpc::ServerWriter<v1::ExportModelResponse>* stream) override {
    exported = *request;
    const Break planned = Next();
    int sent = 0;
    for (const char* chunk : {"first,", "second,", "third"}) {
      if (sent++ == planned.after) return planned.status;
      v1::ExportModelResponse response;
      response.set_chunk(chunk);
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

  grpc::Status ImportModel(grpc::ServerContext* /*context*/,
                           grpc::ServerReader<v1::ImportModelRequest>* stream,
                           v1::ImportModelResponse* response) override {
    const Break planned = Next();
    v1::ImportModelRequest request;
    stream->Read(&request);
    started = request.start();
    std::string file;
    int read = 0;
    while (read++ != planned.after && stream->Read(&request)) file += request.chunk();
    files.push_back(file);
    if (read - 1 == planned.after) return planned.status;
    response->mutable_model()->set_name(started.name());
    return grpc::Status::OK;
  }

  std::deque<Break> script;
  v1::ExportModelRequest exported;
  v1::ImportStart started;
  std::vector<std::string> files;

 private:
  Break Next() {
    Break next{.after = -1};
    if (!script.empty()) {
      next = script.front();
      script.pop_front();
    }
    return next;
  }
};

class ModelFilesTest : public ::testing::Test {
 protected:
  ModelFilesTest() {
    ClientOptions options;
    options.retry.initial_backoff = absl::Milliseconds(1);
    options.retry.max_backoff = absl::Milliseconds(5);
    client_.emplace(Client::Over(server_->InProcessChannel({}), options));
  }
  ~ModelFilesTest() override { server_->Shutdown(); }

  absl::Status Export(const ExportOptions& options = {}) {
    return client_->ExportModel(
        "house",
        [this](absl::string_view chunk) {
          bytes_.append(chunk.data(), chunk.size());
          return absl::OkStatus();
        },
        options);
  }

  absl::StatusOr<v1::Model> Import(bool can_begin_again = true) {
    v1::ImportStart start;
    start.set_name("house");
    ImportSource source;
    source.next = [this](std::string& chunk) -> absl::StatusOr<bool> {
      if (position_ == 3) return false;
      chunk = std::vector<std::string>{"a", "b", "c"}[position_++];
      return true;
    };
    if (can_begin_again) {
      source.rewind = [this] {
        position_ = 0;
        return absl::OkStatus();
      };
    }
    return client_->ImportModel(start, source);
  }

  FilesServer service_;
  std::unique_ptr<grpc::Server> server_ =
      grpc::ServerBuilder().RegisterService(&service_).BuildAndStart();
  std::optional<Client> client_;
  std::string bytes_;
  std::size_t position_ = 0;
};

TEST_F(ModelFilesTest, AnExportHandsOnEveryByteInOrder) {
  EXPECT_TRUE(Export({.format = v1::EXPORT_FORMAT_ONNX, .include_optimizer = true}).ok());
  EXPECT_EQ(bytes_, "first,second,third");
  EXPECT_EQ(service_.exported.model(), "house");
  EXPECT_EQ(service_.exported.format(), v1::EXPORT_FORMAT_ONNX);
  EXPECT_TRUE(service_.exported.include_optimizer());
}

TEST_F(ModelFilesTest, AnExportIsTriedAgainOnlyWhereItsBytesCanBeForgotten) {
  service_.script = {{.after = 0}};
  EXPECT_TRUE(Export().ok());
  EXPECT_EQ(bytes_, "first,second,third");
  service_.script = {{.after = 2}};
  EXPECT_EQ(Export().code(), StatusCode::kUnavailable);
  service_.script = {{.after = 2}, {.after = 1}};
  ExportOptions options;
  options.restart = [this] {
    bytes_.clear();
    return absl::OkStatus();
  };
  EXPECT_TRUE(Export(options).ok());
  EXPECT_EQ(bytes_, "first,second,third");
}

TEST_F(ModelFilesTest, AnImportSendsTheFileAndBeginsAgain) {
  service_.script = {{.after = 1}, {.after = 0}};
  const auto model = Import();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->name(), "house");
  EXPECT_THAT(service_.files, ElementsAre("a", "", "abc"));
  EXPECT_EQ(service_.started.name(), "house");
}

TEST_F(ModelFilesTest, AnImportOfAPipeIsNotTriedAgain) {
  service_.script = {{.after = 1}};
  EXPECT_EQ(Import(/*can_begin_again=*/false).status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(service_.files, ElementsAre("a"));
}

// The model may be there since the attempt whose answer was lost.
TEST_F(ModelFilesTest, ANameThatIsTakenAfterALostAnswerIsSaidToBe) {
  service_.script = {{.after = 3}, {.after = 3, .status = kTaken}};
  const auto model = Import();
  EXPECT_EQ(model.status().code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("may be this import"));
  position_ = 0;
  service_.script = {{.after = 3, .status = kTaken}};
  EXPECT_EQ(Import().status().message(), "taken");
}

}  // namespace
}  // namespace descent::client
