// Serves EmptyService as descentd serves its own: callback API, one process, loopback. Prints
// `listening on HOST:PORT` and runs until its standard input is closed.

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "empty_service.grpc.pb.h"

namespace descent::bench {
namespace {

// Reads, answers, and then reads on.
class EmptyStream final : public grpc::ServerBidiReactor<Payload, Payload> {
 public:
  EmptyStream() { StartRead(&request_); }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    answer_.mutable_bytes()->resize(static_cast<std::size_t>(request_.answer_bytes()));
    StartWrite(&answer_);
  }
  void OnWriteDone(bool ok) override {
    if (ok) {
      StartRead(&request_);
    } else {
      Finish(grpc::Status::CANCELLED);
    }
  }
  void OnDone() override { delete this; }

  Payload request_;
  Payload answer_;
};

class Service final : public EmptyService::CallbackService {
  grpc::ServerUnaryReactor* Call(grpc::CallbackServerContext* context, const Payload* request,
                                 Payload* answer) override {
    answer->mutable_bytes()->resize(static_cast<std::size_t>(request->answer_bytes()));
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  grpc::ServerBidiReactor<Payload, Payload>* Stream(grpc::CallbackServerContext*) override {
    return new EmptyStream();
  }
};

int Main() {
  Service service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << "listening on 127.0.0.1:" << port << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}

}  // namespace
}  // namespace descent::bench

int main() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // see server/main.cc
  return descent::bench::Main();
}
