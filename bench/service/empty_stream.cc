#include "bench/service/empty_stream.h"

#include <grpcpp/client_context.h>

#include <chrono>
#include <string>
#include <thread>

#include "bench/service/measuring.h"

namespace descent::bench {

v1::TrainResponse SampleAck(std::int64_t rows) {
  v1::TrainResponse ack;
  ack.mutable_ack()->set_sequence(1000);
  ack.mutable_ack()->set_step(1000);
  ack.mutable_ack()->set_loss(1);
  ack.mutable_ack()->set_gradient_norm(1);
  ack.mutable_ack()->set_learning_rate(1);
  ack.mutable_ack()->set_durable_sequence(1000);
  ack.mutable_ack()->set_rows(rows);
  return ack;
}

Payload SameSize(const google::protobuf::Message& request,
                 const google::protobuf::Message& answer) {
  Payload payload;
  payload.set_answer_bytes(static_cast<int>(answer.ByteSizeLong()));
  payload.set_bytes(std::string(request.ByteSizeLong() - payload.ByteSizeLong(), '\0'));
  return payload;
}

void EmptyCall(EmptyService::Stub& stub, const Payload& payload) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  Payload answer;
  Require(stub.Call(&context, payload, &answer));
}

void EmptyStream(EmptyService::Stub& stub, const Payload& payload, int count) {
  EmptyStreamWhile(stub, payload, [&count] { return count-- > 0; });
}

void EmptyStreamWhile(EmptyService::Stub& stub, const Payload& payload,
                      const std::function<bool()>& more) {
  grpc::ClientContext context;
  const auto stream = stub.Stream(&context);
  std::thread writer([&] {
    for (int i = 0; more(); ++i) {
      grpc::WriteOptions options;
      if (i % 16 != 15) options.set_buffer_hint();
      stream->Write(payload, options);
    }
    stream->WritesDone();
  });
  Payload answer;
  while (stream->Read(&answer)) {
  }
  writer.join();
  Require(stream->Finish());
}

}  // namespace descent::bench
