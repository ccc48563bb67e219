#include "tests/services/any_method.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "gtest/gtest.h"
#include "server/services/message.h"
#include "tests/services/messages.h"

namespace descent::testing {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

// Names the model in a request, wherever requests name it. False if this one names none.
bool NameModel(const std::string& model, Message* request) {
  const google::protobuf::Descriptor& type = *request->GetDescriptor();
  for (const char* name : {"start", "name", "model", "model_name"}) {
    const FieldDescriptor* field = type.FindFieldByName(name);
    if (field == nullptr) continue;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return NameModel(model, request->GetReflection()->MutableMessage(request, field));
    }
    request->GetReflection()->SetString(request, field, model);
    return true;
  }
  return false;
}

}  // namespace

std::vector<const MethodDescriptor*> MethodsOf(const std::shared_ptr<grpc::Channel>& channel) {
  using grpc::reflection::v1::ServerReflection;
  grpc::ClientContext context;
  const auto stub = ServerReflection::NewStub(channel);
  const auto stream = stub->ServerReflectionInfo(&context);
  grpc::reflection::v1::ServerReflectionRequest question;
  question.set_list_services("*");
  EXPECT_TRUE(stream->Write(question));
  EXPECT_TRUE(stream->WritesDone());
  grpc::reflection::v1::ServerReflectionResponse answer;
  EXPECT_TRUE(stream->Read(&answer));
  EXPECT_TRUE(stream->Finish().ok());
  std::vector<const MethodDescriptor*> methods;
  for (const auto& listed : answer.list_services_response().service()) {
    const auto* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(listed.name());
    EXPECT_NE(service, nullptr) << listed.name();
    if (service == nullptr) continue;
    for (int i = 0; i < service->method_count(); ++i) methods.push_back(service->method(i));
  }
  return methods;
}

std::unique_ptr<Message> RequestOf(const MethodDescriptor& method) {
  return std::unique_ptr<Message>(google::protobuf::MessageFactory::generated_factory()
                                      ->GetPrototype(method.input_type())
                                      ->New());
}

std::unique_ptr<Message> RequestAbout(const std::string& model, const MethodDescriptor& method) {
  std::unique_ptr<Message> request = RequestOf(method);
  if (!NameModel(model, request.get())) return nullptr;
  if (auto* create = dynamic_cast<v1::CreateModelRequest*>(request.get())) {
    *create = LineModel(model);
  }
  return request;
}

grpc::Status CallMethod(const std::shared_ptr<grpc::Channel>& channel,
                        const MethodDescriptor& method, const Message& request,
                        const std::multimap<std::string, std::string>& metadata) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  for (const auto& [key, value] : metadata) context.AddMetadata(key, value);
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel);
  const auto call = stub.PrepareCall(
      &context, absl::StrCat("/", method.service()->full_name(), "/", method.name()), &queue);
  const auto done = [&] {
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return ok;
  };
  call->StartCall(nullptr);
  if (done()) {
    call->WriteLast(services::SerializeMessage(request), grpc::WriteOptions(), nullptr);
    done();
    grpc::ByteBuffer response;
    call->Read(&response, nullptr);
    if (done() && method.server_streaming()) {
      context.TryCancel();  // some end by themselves, and some never
    }
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  done();
  return status;
}

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status rich;
  rich.ParseFromString(status.error_details());
  for (const auto& detail : rich.details()) {
    if (google::rpc::ErrorInfo info; detail.UnpackTo(&info)) return info.reason();
  }
  return "";
}

}  // namespace descent::testing
