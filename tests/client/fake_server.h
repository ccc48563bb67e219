// A server that misbehaves on purpose, inside the process: it loses answers, refuses calls and
// breaks streams as its script says, and otherwise keeps the contract as far as the client can see
// it. What it "applied" can be looked at.

#ifndef TESTS_CLIENT_FAKE_SERVER_H_
#define TESTS_CLIENT_FAKE_SERVER_H_

#include <grpcpp/channel.h>
#include <grpcpp/server.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "descent/v1/admin_service.grpc.pb.h"
#include "descent/v1/model_service.grpc.pb.h"
#include "descent/v1/network_service.grpc.pb.h"

namespace descent::client {

// A status with google.rpc details.
grpc::Status RichStatus(grpc::StatusCode code, const std::string& message,
                        const std::string& reason,
                        std::optional<absl::Duration> retry_delay = std::nullopt);

// What happens to one unary call.
struct CallScript {
  grpc::Status status = {};   // OK: the call is answered
  bool apply_first = false;   // the call is carried out all the same: only its answer is lost
  absl::Duration delay = {};  // before the answer
};

// What happens to one training stream.
struct StreamScript {
  std::optional<grpc::Status> refusal = {};   // instead of `ready`
  bool never_ready = false;                   // waits until the client goes
  int64_t break_after = -1;                   // batches of this stream; -1: never
  bool lose_last_ack = false;                 // the batch before the break is applied but not acked
  int64_t forget = 0;                         // batches that the server has lost before the stream
  std::optional<int64_t> next_sequence = {};  // what `ready` says, true or not
  int64_t ack_offset = 0;                     // added to the sequences of acks: a lie
  grpc::Status status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the stream was cut");
};

// What happens to one backup.
struct BackupScript {
  std::optional<grpc::Status> refusal = {};  // instead of the first chunk
  bool never_begins = false;                 // waits until the client goes
  int64_t break_after = -1;                  // chunks; -1: never
  grpc::Status status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the stream was cut");
};

class FakeServer final : private v1::ModelService::Service,
                         private v1::NetworkService::Service,
                         private v1::AdminService::Service {
 public:
  // Serves inside the process, and with `listen` ("127.0.0.1:0" picks a port) there as well.
  explicit FakeServer(const std::string& listen = "");
  ~FakeServer() override;

  std::shared_ptr<grpc::Channel> Channel();
  // HOST:PORT.
  const std::string& address() const { return address_; }
  // Calls and streams in progress end; connections are refused until Restart, which serves on the
  // same port again. What was applied is still there then.
  void Shutdown();
  void Restart();

  // For the next calls or streams, one each; then all goes well.
  void Script(std::vector<CallScript> script);
  void Script(std::vector<StreamScript> script);
  void Script(std::vector<BackupScript> script);
  // How far behind durable_sequence is.
  void SetDurabilityLag(int64_t batches);
  void SetWindow(int window);
  // How the pages of lists follow each other.
  enum class Pages {
    kOneAfterTheOther,
    kInACircle,  // the last leads to the second
    kEmpty,      // each leads to another, and none holds anything
  };
  void SetPages(Pages pages);
  // What Backup sends, one message each.
  void SetBackup(std::vector<std::string> chunks);

  // The request ids of calls that change something as they came.
  std::vector<std::string> request_ids() const;
  int64_t calls() const;
  int64_t updates() const;  // carried out by Step
  // For each batch of the training session: sequence and learning rate, which tests use to tell
  // batches apart. In the order of their application.
  std::vector<std::pair<int64_t, double>> applied() const;
  std::vector<v1::TrainStart> starts() const;
  int64_t backups() const;            // begun or refused
  int64_t cancelled_backups() const;  // of those that never began

 private:
  grpc::Status CreateModel(grpc::ServerContext* context, const v1::CreateModelRequest* request,
                           v1::CreateModelResponse* response) override;
  grpc::Status GetModel(grpc::ServerContext* context, const v1::GetModelRequest* request,
                        v1::GetModelResponse* response) override;
  grpc::Status ListModels(grpc::ServerContext* context, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;
  grpc::Status CreateCheckpoint(grpc::ServerContext* context,
                                const v1::CreateCheckpointRequest* request,
                                v1::CreateCheckpointResponse* response) override;
  grpc::Status ListCheckpoints(grpc::ServerContext* context,
                               const v1::ListCheckpointsRequest* request,
                               v1::ListCheckpointsResponse* response) override;
  grpc::Status ListHistory(grpc::ServerContext* context, const v1::ListHistoryRequest* request,
                           v1::ListHistoryResponse* response) override;
  grpc::Status RestoreCheckpoint(grpc::ServerContext* context,
                                 const v1::RestoreCheckpointRequest* request,
                                 v1::RestoreCheckpointResponse* response) override;
  grpc::Status DeleteCheckpoint(grpc::ServerContext* context,
                                const v1::DeleteCheckpointRequest* request,
                                v1::DeleteCheckpointResponse* response) override;
  grpc::Status Predict(grpc::ServerContext* context, const v1::PredictRequest* request,
                       v1::PredictResponse* response) override;
  grpc::Status Step(grpc::ServerContext* context, const v1::StepRequest* request,
                    v1::StepResponse* response) override;
  grpc::Status Evaluate(grpc::ServerContext* context,
                        grpc::ServerReader<v1::EvaluateRequest>* reader,
                        v1::EvaluateResponse* response) override;
  grpc::Status Train(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::TrainResponse, v1::TrainRequest>* stream) override;
  grpc::Status Backup(grpc::ServerContext* context, const v1::BackupRequest* request,
                      grpc::ServerWriter<v1::BackupResponse>* stream) override;

  void Serve(const std::string& listen);
  bool PagesAreEmpty();
  // The token after one of a list of pages; empty after the last.
  std::string NextPage(const std::string& token, const std::vector<std::string>& tokens);
  // Counts the call and takes its script.
  CallScript Begin();
  // The same for a call that changes something.
  CallScript BeginChange(const std::string& request_id);

  mutable absl::Mutex mutex_;
  std::deque<CallScript> call_scripts_ ABSL_GUARDED_BY(mutex_);
  std::deque<StreamScript> stream_scripts_ ABSL_GUARDED_BY(mutex_);
  std::deque<BackupScript> backup_scripts_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> backup_ ABSL_GUARDED_BY(mutex_);
  int64_t backups_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t cancelled_backups_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t durability_lag_ ABSL_GUARDED_BY(mutex_) = 0;
  int window_ ABSL_GUARDED_BY(mutex_) = 4;
  Pages pages_ ABSL_GUARDED_BY(mutex_) = Pages::kOneAfterTheOther;
  int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t updates_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> request_ids_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> seen_ids_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<int64_t, double>> applied_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::TrainStart> starts_ ABSL_GUARDED_BY(mutex_);

  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace descent::client

#endif  // TESTS_CLIENT_FAKE_SERVER_H_
