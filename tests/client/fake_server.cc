#include "tests/client/fake_server.h"

#include <google/protobuf/util/time_util.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace descent::client {

grpc::Status RichStatus(grpc::StatusCode code, const std::string& message,
                        const std::string& reason, std::optional<absl::Duration> retry_delay) {
  google::rpc::Status rich;
  rich.set_code(code);
  rich.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_domain("descent.v1");
  info.set_reason(reason);
  info.mutable_metadata()->insert({"expected", "7"});
  EXPECT_TRUE(rich.add_details()->PackFrom(info));
  google::rpc::BadRequest bad_request;
  google::rpc::BadRequest::FieldViolation& violation = *bad_request.add_field_violations();
  violation.set_field("inputs");
  violation.set_description("expected shape [n, 13], got [32, 12]");
  EXPECT_TRUE(rich.add_details()->PackFrom(bad_request));
  if (retry_delay.has_value()) {
    google::rpc::RetryInfo retry;
    *retry.mutable_retry_delay() = google::protobuf::util::TimeUtil::NanosecondsToDuration(
        absl::ToInt64Nanoseconds(*retry_delay));
    EXPECT_TRUE(rich.add_details()->PackFrom(retry));
  }
  return grpc::Status(code, message, rich.SerializeAsString());
}

FakeServer::FakeServer(const std::string& listen) { Serve(listen); }

void FakeServer::Serve(const std::string& listen) {
  grpc::ServerBuilder builder;
  int port = 0;
  if (!listen.empty()) {
    builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  }
  builder.RegisterService(static_cast<v1::ModelService::Service*>(this));
  builder.RegisterService(static_cast<v1::NetworkService::Service*>(this));
  builder.RegisterService(static_cast<v1::AdminService::Service*>(this));
  server_ = builder.BuildAndStart();
  if (port > 0) address_ = absl::StrCat("127.0.0.1:", port);
}

FakeServer::~FakeServer() { Shutdown(); }

std::shared_ptr<grpc::Channel> FakeServer::Channel() {
  return server_->InProcessChannel(grpc::ChannelArguments());
}

void FakeServer::Shutdown() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

void FakeServer::Restart() {
  Shutdown();
  Serve(address_);
}

void FakeServer::Script(std::vector<CallScript> script) {
  absl::MutexLock lock(&mutex_);
  call_scripts_.assign(script.begin(), script.end());
}

void FakeServer::Script(std::vector<StreamScript> script) {
  absl::MutexLock lock(&mutex_);
  stream_scripts_.assign(script.begin(), script.end());
}

void FakeServer::Script(std::vector<BackupScript> script) {
  absl::MutexLock lock(&mutex_);
  backup_scripts_.assign(script.begin(), script.end());
}

void FakeServer::SetDurabilityLag(int64_t batches) {
  absl::MutexLock lock(&mutex_);
  durability_lag_ = batches;
}

void FakeServer::SetWindow(int window) {
  absl::MutexLock lock(&mutex_);
  window_ = window;
}

void FakeServer::SetBackup(std::vector<std::string> chunks) {
  absl::MutexLock lock(&mutex_);
  backup_ = std::move(chunks);
}

std::vector<std::string> FakeServer::request_ids() const {
  absl::MutexLock lock(&mutex_);
  return request_ids_;
}

int64_t FakeServer::calls() const {
  absl::MutexLock lock(&mutex_);
  return calls_;
}

int64_t FakeServer::updates() const {
  absl::MutexLock lock(&mutex_);
  return updates_;
}

std::vector<std::pair<int64_t, double>> FakeServer::applied() const {
  absl::MutexLock lock(&mutex_);
  return applied_;
}

std::vector<v1::TrainStart> FakeServer::starts() const {
  absl::MutexLock lock(&mutex_);
  return starts_;
}

int64_t FakeServer::backups() const {
  absl::MutexLock lock(&mutex_);
  return backups_;
}

int64_t FakeServer::cancelled_backups() const {
  absl::MutexLock lock(&mutex_);
  return cancelled_backups_;
}

CallScript FakeServer::BeginChange(const std::string& request_id) {
  const CallScript script = Begin();
  absl::MutexLock lock(&mutex_);
  request_ids_.push_back(request_id);
  return script;
}

CallScript FakeServer::Begin() {
  CallScript script;
  {
    absl::MutexLock lock(&mutex_);
    ++calls_;
    if (!call_scripts_.empty()) {
      script = call_scripts_.front();
      call_scripts_.pop_front();
    }
  }
  absl::SleepFor(script.delay);
  return script;
}

grpc::Status FakeServer::CreateModel(grpc::ServerContext*, const v1::CreateModelRequest* request,
                                     v1::CreateModelResponse* response) {
  *response->mutable_model() = request->model();
  return BeginChange(request->request_id()).status;
}

grpc::Status FakeServer::GetModel(grpc::ServerContext*, const v1::GetModelRequest* request,
                                  v1::GetModelResponse* response) {
  response->mutable_model()->set_name(request->name());
  return Begin().status;
}

void FakeServer::SetPages(Pages pages) {
  absl::MutexLock lock(&mutex_);
  pages_ = pages;
}

bool FakeServer::PagesAreEmpty() {
  absl::MutexLock lock(&mutex_);
  return pages_ == Pages::kEmpty;
}

std::string FakeServer::NextPage(const std::string& token, const std::vector<std::string>& tokens) {
  absl::MutexLock lock(&mutex_);
  if (pages_ == Pages::kEmpty) return token + "x";
  if (token.empty()) return tokens.front();
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (token == tokens[i]) return tokens[i + 1];
  }
  return pages_ == Pages::kInACircle ? tokens.front() : "";
}

// Three models on pages of one.
grpc::Status FakeServer::ListModels(grpc::ServerContext*, const v1::ListModelsRequest* request,
                                    v1::ListModelsResponse* response) {
  const std::string& token = request->page_token();
  const std::string next = NextPage(token, {"b", "c"});
  if (!next.empty()) response->set_next_page_token(next);
  if (!PagesAreEmpty()) response->add_models()->set_name(token.empty() ? "a" : token);
  return Begin().status;
}

grpc::Status FakeServer::CreateCheckpoint(grpc::ServerContext*,
                                          const v1::CreateCheckpointRequest* request,
                                          v1::CreateCheckpointResponse* response) {
  response->mutable_checkpoint()->set_step(7);
  return BeginChange(request->request_id()).status;
}

// Three checkpoints on pages of one.
grpc::Status FakeServer::ListCheckpoints(grpc::ServerContext*,
                                         const v1::ListCheckpointsRequest* request,
                                         v1::ListCheckpointsResponse* response) {
  const std::string& token = request->page_token();
  const std::string next = NextPage(token, {"20", "10"});
  if (!next.empty()) response->set_next_page_token(next);
  if (!PagesAreEmpty()) {
    response->add_checkpoints()->set_step(token.empty() ? 30 : std::stoi(token));
  }
  return Begin().status;
}

// Three points on pages of one.
grpc::Status FakeServer::ListHistory(grpc::ServerContext*, const v1::ListHistoryRequest* request,
                                     v1::ListHistoryResponse* response) {
  const std::string& token = request->page_token();
  const std::string next = NextPage(token, {"20", "30"});
  if (!next.empty()) response->set_next_page_token(next);
  if (!PagesAreEmpty()) {
    response->add_points()->set_step(request->after_step() +
                                     (token.empty() ? 10 : std::stoi(token)));
  }
  return Begin().status;
}

grpc::Status FakeServer::RestoreCheckpoint(grpc::ServerContext*,
                                           const v1::RestoreCheckpointRequest* request,
                                           v1::RestoreCheckpointResponse* response) {
  response->mutable_model()->set_name(request->model());
  response->mutable_model()->set_step(request->step());
  return BeginChange(request->request_id()).status;
}

grpc::Status FakeServer::DeleteCheckpoint(grpc::ServerContext*,
                                          const v1::DeleteCheckpointRequest* request,
                                          v1::DeleteCheckpointResponse*) {
  return BeginChange(request->request_id()).status;
}

// The identity.
grpc::Status FakeServer::Predict(grpc::ServerContext*, const v1::PredictRequest* request,
                                 v1::PredictResponse* response) {
  *response->mutable_outputs() = request->inputs();
  return Begin().status;
}

grpc::Status FakeServer::Step(grpc::ServerContext*, const v1::StepRequest* request,
                              v1::StepResponse* response) {
  const CallScript script = BeginChange(request->request_id());
  absl::MutexLock lock(&mutex_);
  if (!script.status.ok() && !script.apply_first) return script.status;
  const bool seen =
      std::find(seen_ids_.begin(), seen_ids_.end(), request->request_id()) != seen_ids_.end();
  if (!seen) {
    seen_ids_.push_back(request->request_id());
    ++updates_;
  }
  response->set_step(updates_);
  response->set_replayed(seen);
  return script.status;
}

// Counts the batches.
grpc::Status FakeServer::Evaluate(grpc::ServerContext*,
                                  grpc::ServerReader<v1::EvaluateRequest>* reader,
                                  v1::EvaluateResponse* response) {
  const CallScript script = Begin();
  if (!script.status.ok() && !script.apply_first) return script.status;
  v1::EvaluateRequest request;
  while (reader->Read(&request)) response->set_rows(response->rows() + 1);
  return script.status;
}

grpc::Status FakeServer::Train(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::TrainResponse, v1::TrainRequest>* stream) {
  v1::TrainRequest request;
  v1::TrainResponse response;
  if (!stream->Read(&request)) return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no start");
  StreamScript script;
  {
    absl::MutexLock lock(&mutex_);
    starts_.push_back(request.start());
    if (!stream_scripts_.empty()) {
      script = stream_scripts_.front();
      stream_scripts_.pop_front();
    }
    applied_.resize(applied_.size() - static_cast<size_t>(script.forget));
    const int64_t next_sequence = static_cast<int64_t>(applied_.size()) + 1;
    response.mutable_ready()->set_next_sequence(script.next_sequence.value_or(next_sequence));
    response.mutable_ready()->set_window(window_);
  }
  if (script.refusal.has_value()) return *script.refusal;
  while (script.never_ready && !context->IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
  stream->Write(response);

  int64_t batches = 0;
  while (script.break_after != batches && stream->Read(&request)) {
    const int64_t sequence = request.batch().sequence();
    ++batches;
    absl::MutexLock lock(&mutex_);
    if (sequence != static_cast<int64_t>(applied_.size()) + 1) {
      return RichStatus(grpc::StatusCode::OUT_OF_RANGE, "a gap", "SEQUENCE_GAP");
    }
    applied_.push_back({sequence, request.batch().learning_rate()});
    v1::TrainAck& ack = *response.mutable_ack();
    ack.set_sequence(sequence + script.ack_offset);
    ack.set_step(sequence);
    ack.set_rows(1);
    ack.set_loss(1.0 / static_cast<double>(sequence));
    ack.set_durable_sequence(std::max<int64_t>(0, sequence - durability_lag_));
    if (script.lose_last_ack && batches == script.break_after) break;
    stream->Write(response);
  }
  return script.break_after == batches ? script.status : grpc::Status::OK;
}

grpc::Status FakeServer::Backup(grpc::ServerContext* context, const v1::BackupRequest*,
                                grpc::ServerWriter<v1::BackupResponse>* stream) {
  BackupScript script;
  std::vector<std::string> chunks;
  int64_t total = 0;
  {
    absl::MutexLock lock(&mutex_);
    ++backups_;
    if (!backup_scripts_.empty()) {
      script = backup_scripts_.front();
      backup_scripts_.pop_front();
    }
    chunks = backup_;
    for (const std::string& chunk : chunks) total += static_cast<int64_t>(chunk.size());
  }
  if (script.refusal.has_value()) return *script.refusal;
  if (script.never_begins) {
    while (!context->IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
    absl::MutexLock lock(&mutex_);
    ++cancelled_backups_;
    return grpc::Status::CANCELLED;
  }
  v1::BackupResponse response;
  response.set_total_bytes(total);
  int64_t sent = 0;
  for (const std::string& chunk : chunks) {
    if (sent++ == script.break_after) return script.status;
    response.set_chunk(chunk);
    if (!stream->Write(response)) break;
  }
  return grpc::Status::OK;
}

}  // namespace descent::client
