// Serves EmptyService as descentd serves its own: callback API, one process, loopback. Prints
// `listening on HOST:PORT` and runs until its standard input is closed.
//
// Usage: empty_server [CERTIFICATE KEY], files in PEM: then over gRPC's own TLS.

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
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

std::string FileText(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::shared_ptr<grpc::ServerCredentials> Credentials(const char* certificate, const char* key) {
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({FileText(key), FileText(certificate)});
  return grpc::SslServerCredentials(options);
}

int Main(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
  Service service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", credentials, &port);
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

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // see server/main.cc
  if (argc != 1 && argc != 3) {
    std::fprintf(stderr, "usage: empty_server [CERTIFICATE KEY]\n");
    return 64;
  }
  return descent::bench::Main(argc == 3 ? descent::bench::Credentials(argv[1], argv[2])
                                        : grpc::InsecureServerCredentials());
}
