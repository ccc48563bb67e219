// A client of descentd: one method for each call of the contract.
//
//   ASSIGN_OR_RETURN(Client client, Client::Connect({.target = "127.0.0.1:50051"}));
//   ASSIGN_OR_RETURN(auto answer, client.Predict("house", MatrixTensor<float>(row, 13)));
//
// Every call has a deadline and is tried again, with growing pauses, when the server can't be
// reached or asks to be called later (UNAVAILABLE, any error with RetryInfo), so that calls ride
// out a server that is started again. That is safe: reads change nothing, and each call that
// changes something carries a request id by which the server knows a repeat and gives the first
// answer again. Errors are the server's status codes; GetErrorDetails (error.h) tells more.

#ifndef CLIENT_DESCENT_CLIENT_H_
#define CLIENT_DESCENT_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/descent/backup.h"
#include "client/descent/evaluation.h"
#include "client/descent/model_files.h"
#include "client/descent/options.h"
#include "client/descent/training_session.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace descent::client {

class Connection;

// Thread-safe. Copies are cheap and share two connections: training streams have one of their own,
// since on one with them other calls would wait behind the batches on their way.
class Client {
 public:
  // Prepares a client. The connection is made in the background with the first call, so this fails
  // only on options that make no sense (INVALID_ARGUMENT); WaitUntilReady tells of the rest.
  static absl::StatusOr<Client> Connect(ClientOptions options = {});

  // A client over a channel made elsewhere, such as one inside the process. The options' target,
  // credentials, message limit and keepalive, and how fast a broken connection is made again, are
  // the channel's own affair then.
  static Client Over(std::shared_ptr<grpc::Channel> channel, ClientOptions options = {});

  // Waits until there is a connection. UNAVAILABLE if there is none after `timeout`.
  absl::Status WaitUntilReady(absl::Duration timeout) const;

  // The life of models.

  absl::StatusOr<v1::Model> CreateModel(v1::Model model, const CallOptions& call = {}) const;
  absl::StatusOr<v1::Model> GetModel(absl::string_view name, const CallOptions& call = {}) const;
  // One page.
  absl::StatusOr<v1::ListModelsResponse> ListModels(const v1::ListModelsRequest& request,
                                                    const CallOptions& call = {}) const;
  // All pages; the deadline is for each. An error rather than a list without an end, whatever the
  // server answers.
  absl::StatusOr<std::vector<v1::Model>> ListAllModels(const CallOptions& call = {}) const;
  absl::StatusOr<v1::Model> UpdateModel(v1::UpdateModelRequest request,
                                        const CallOptions& call = {}) const;
  absl::Status DeleteModel(absl::string_view name, const CallOptions& call = {}) const;

  absl::StatusOr<v1::GetParametersResponse> GetParameters(const v1::GetParametersRequest& request,
                                                          const CallOptions& call = {}) const;
  absl::StatusOr<v1::SetParametersResponse> SetParameters(v1::SetParametersRequest request,
                                                          const CallOptions& call = {}) const;

  // Checkpoints of a model, by the step that they hold.

  absl::StatusOr<v1::Checkpoint> CreateCheckpoint(absl::string_view model,
                                                  const CallOptions& call = {}) const;
  // One page.
  absl::StatusOr<v1::ListCheckpointsResponse> ListCheckpoints(
      const v1::ListCheckpointsRequest& request, const CallOptions& call = {}) const;
  // All pages, newest first; as above.
  absl::StatusOr<std::vector<v1::Checkpoint>> ListAllCheckpoints(
      absl::string_view model, const CallOptions& call = {}) const;
  absl::StatusOr<v1::Model> RestoreCheckpoint(v1::RestoreCheckpointRequest request,
                                              const CallOptions& call = {}) const;
  absl::Status DeleteCheckpoint(v1::DeleteCheckpointRequest request,
                                const CallOptions& call = {}) const;

  // How a model's training went. One page.
  absl::StatusOr<v1::ListHistoryResponse> ListHistory(const v1::ListHistoryRequest& request,
                                                      const CallOptions& call = {}) const;
  // All pages: the points of steps after `after_step`, in their order; as above.
  absl::StatusOr<std::vector<v1::HistoryPoint>> ListAllHistory(absl::string_view model,
                                                               std::int64_t after_step = 0,
                                                               const CallOptions& call = {}) const;

  // Computing. Each answer says the step that it was computed at.

  absl::StatusOr<v1::PredictResponse> Predict(absl::string_view model, v1::Tensor inputs,
                                              const CallOptions& call = {}) const;
  absl::StatusOr<v1::PredictResponse> Predict(const v1::PredictRequest& request,
                                              const CallOptions& call = {}) const;
  absl::StatusOr<v1::ForwardResponse> Forward(const v1::ForwardRequest& request,
                                              const CallOptions& call = {}) const;
  absl::StatusOr<v1::GradientResponse> Gradient(const v1::GradientRequest& request,
                                                const CallOptions& call = {}) const;
  // One update.
  absl::StatusOr<v1::StepResponse> Step(absl::string_view model, v1::Batch batch,
                                        const CallOptions& call = {}) const;
  absl::StatusOr<v1::StepResponse> Step(v1::StepRequest request,
                                        const CallOptions& call = {}) const;

  // Loss and metrics over batches, all at one step. Tried again like any read, from the first
  // batch.
  absl::StatusOr<v1::EvaluateResponse> Evaluate(absl::string_view model,
                                                absl::Span<const v1::Batch> batches,
                                                const CallOptions& call = {}) const;
  // The same over batches that need not be in memory together.
  absl::StatusOr<v1::EvaluateResponse> Evaluate(absl::string_view model, const BatchSource& source,
                                                const CallOptions& call = {}) const;

  // Opens a training session and waits until the server is ready for its first batch, trying again
  // like any call, up to TrainingOptions::give_up_after.
  absl::StatusOr<std::unique_ptr<TrainingSession>> Train(absl::string_view model,
                                                         TrainingOptions options = {}) const;

  // A model of one moment as a file, while its training goes on: hands its bytes to the sink, in
  // order. They are a file when this returns OK. Errors and attempts as Backup's.
  absl::Status ExportModel(absl::string_view model, ExportSink sink,
                           const ExportOptions& options = {}) const;
  // Makes a model of a file. The model is durable when this returns it, and nothing of it is there
  // if this fails; ALREADY_EXISTS if the name is taken. Tried again if the source can begin again.
  absl::StatusOr<v1::Model> ImportModel(const v1::ImportStart& start, const ImportSource& source,
                                        const ImportOptions& options = {}) const;

  // A consistent copy of the whole store, made while the server goes on: hands its bytes to the
  // sink, in order. They are a backup when this returns OK. An error of the sink is returned as it
  // is. Tried again until the first chunk has come; from then on another stream would be a copy of
  // another moment, so a lost connection is an error unless the sink can begin again
  // (BackupOptions::restart). DATA_LOSS if bytes are missing.
  absl::Status Backup(BackupSink sink, const BackupOptions& options = {}) const;

 private:
  Client(std::shared_ptr<const Connection> calls, std::shared_ptr<const Connection> training);

  std::shared_ptr<const Connection> connection_;
  std::shared_ptr<const Connection> training_connection_;
};

}  // namespace descent::client

#endif  // CLIENT_DESCENT_CLIENT_H_
