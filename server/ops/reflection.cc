#include "server/ops/reflection.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "server/services/call_gate.h"
#include "server/services/message.h"
#include "server/services/method_name.h"
#include "server/services/open_streams.h"
#include "server/services/paced_read.h"

namespace descent::ops {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;

// Far more than any question needs.
constexpr std::size_t kMaxQuestionBytes = 4096;

// What can be asked, answered from the messages that are compiled in. Thread-safe.
class Answers {
 public:
  explicit Answers(std::vector<std::string> services) : services_(std::move(services)) {}

  ServerReflectionResponse To(const ServerReflectionRequest& request) const {
    ServerReflectionResponse response;
    response.set_valid_host(request.host());
    *response.mutable_original_request() = request;
    switch (request.message_request_case()) {
      case ServerReflectionRequest::kFileByFilename:
        AnswerFile(pool_.FindFileByName(request.file_by_filename()), &response);
        break;
      case ServerReflectionRequest::kFileContainingSymbol:
        AnswerFile(pool_.FindFileContainingSymbol(request.file_containing_symbol()), &response);
        break;
      case ServerReflectionRequest::kFileContainingExtension:
        AnswerFile(FileOfExtension(request.file_containing_extension()), &response);
        break;
      case ServerReflectionRequest::kAllExtensionNumbersOfType:
        AnswerExtensions(request.all_extension_numbers_of_type(), &response);
        break;
      case ServerReflectionRequest::kListServices:
        for (const std::string& service : services_) {
          response.mutable_list_services_response()->add_service()->set_name(service);
        }
        break;
      case ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET:
        AnswerError(grpc::StatusCode::INVALID_ARGUMENT, "the request asks for nothing", &response);
        break;
    }
    return response;
  }

 private:
  static void AnswerError(grpc::StatusCode code, const std::string& message,
                          ServerReflectionResponse* response) {
    response->mutable_error_response()->set_error_code(code);
    response->mutable_error_response()->set_error_message(message);
  }

  // The file and what it imports, each once.
  static void AnswerFile(const FileDescriptor* file, ServerReflectionResponse* response) {
    if (file == nullptr) {
      AnswerError(grpc::StatusCode::NOT_FOUND, "there is no such file, symbol or extension",
                  response);
      return;
    }
    std::vector<const FileDescriptor*> files = {file};
    for (std::size_t i = 0; i < files.size(); ++i) {
      google::protobuf::FileDescriptorProto proto;
      files[i]->CopyTo(&proto);
      response->mutable_file_descriptor_response()->add_file_descriptor_proto(
          proto.SerializeAsString());
      for (int j = 0; j < files[i]->dependency_count(); ++j) {
        const FileDescriptor* imported = files[i]->dependency(j);
        if (std::find(files.begin(), files.end(), imported) == files.end()) {
          files.push_back(imported);
        }
      }
    }
  }

  const FileDescriptor* FileOfExtension(
      const grpc::reflection::v1::ExtensionRequest& request) const {
    const Descriptor* type = pool_.FindMessageTypeByName(request.containing_type());
    if (type == nullptr) return nullptr;
    const FieldDescriptor* field = pool_.FindExtensionByNumber(type, request.extension_number());
    return field == nullptr ? nullptr : field->file();
  }

  void AnswerExtensions(const std::string& name, ServerReflectionResponse* response) const {
    const Descriptor* type = pool_.FindMessageTypeByName(name);
    if (type == nullptr) {
      AnswerError(grpc::StatusCode::NOT_FOUND, "there is no such type", response);
      return;
    }
    std::vector<const FieldDescriptor*> extensions;
    pool_.FindAllExtensions(type, &extensions);
    response->mutable_all_extension_numbers_response()->set_base_type_name(name);
    for (const FieldDescriptor* field : extensions) {
      response->mutable_all_extension_numbers_response()->add_extension_number(field->number());
    }
  }

  const std::vector<std::string> services_;
  const DescriptorPool& pool_ = *DescriptorPool::generated_pool();
};

// Owns itself; goes when gRPC is done with it. A read is under way or a write, never both, so it
// holds one answer, and whichever fails ends the call.
class Conversation final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Conversation(const Answers& answers, const services::CallResources& resources,
               const services::MethodName& name, grpc::CallbackServerContext* context)
      : answers_(answers),
        name_(name),
        pass_(resources.gate, name, *context, services::CallKind::kInquiry),
        place_(resources.streams, context->peer(),
               [context](const absl::Status& /*status*/) { context->TryCancel(); }) {
    if (pass_.admission().ok()) {
      Read();
    } else {
      End(pass_.admission());
    }
  }

 private:
  void Read() {
    paced_read_.WhenAllowed(pass_, [this] { StartRead(&bytes_); });
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      End(absl::OkStatus());
      return;
    }
    place_.Touch();
    const std::size_t read_bytes = bytes_.Length();
    if (absl::Status permitted = pass_.AdmitMessage(read_bytes); !permitted.ok()) {
      End(std::move(permitted));
      return;
    }
    ServerReflectionRequest request;
    if (bytes_.Length() > kMaxQuestionBytes ||
        !services::ParseMessage(bytes_, name_, &request).ok()) {
      End(absl::InvalidArgumentError(
          "ServerReflectionInfo: expected a ServerReflectionRequest of at most 4096 bytes"));
      return;
    }
    bytes_ = services::SerializeMessage(answers_.To(request));
    pass_.AddSent(bytes_.Length());
    pass_.Answered(read_bytes);
    StartWrite(&bytes_);
  }

  void OnWriteDone(bool ok) override {
    if (ok) {
      bytes_.Clear();
      Read();
    } else {
      End(absl::CancelledError("the client went away"));
    }
  }

  void End(absl::Status status) { Finish(pass_.End(std::move(status))); }

  void OnDone() override { delete this; }

  const Answers& answers_;
  const services::MethodName name_;
  services::CallPass pass_;
  services::OpenStream place_;
  services::PacedRead paced_read_;
  grpc::ByteBuffer bytes_;  // of the read or the write that is under way
};

// One version. The messages of both are the same on the wire.
template <typename Version>
class Service final : public Version::template WithRawCallbackMethod_ServerReflectionInfo<
                          typename Version::Service> {
 public:
  Service(std::shared_ptr<const Answers> answers, const services::CallResources& resources)
      : answers_(std::move(answers)), resources_(resources) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ServerReflectionInfo(
      grpc::CallbackServerContext* context) override {
    return new Conversation(*answers_, resources_,
                            {Version::service_full_name(), "ServerReflectionInfo"}, context);
  }

 private:
  const std::shared_ptr<const Answers> answers_;
  const services::CallResources& resources_;
};

}  // namespace

std::vector<std::unique_ptr<grpc::Service>> MakeReflectionServices(
    std::vector<std::string> services, const services::CallResources& resources) {
  using V1 = grpc::reflection::v1::ServerReflection;
  using V1Alpha = grpc::reflection::v1alpha::ServerReflection;
  // Nothing else names a message of this version, and without one the linker leaves its file out of
  // those that can be asked for.
  static_cast<void>(grpc::reflection::v1alpha::ServerReflectionRequest::descriptor());
  services.emplace_back(V1::service_full_name());
  services.emplace_back(V1Alpha::service_full_name());
  const auto answers = std::make_shared<const Answers>(std::move(services));
  std::vector<std::unique_ptr<grpc::Service>> versions;
  versions.push_back(std::make_unique<Service<V1>>(answers, resources));
  versions.push_back(std::make_unique<Service<V1Alpha>>(answers, resources));
  return versions;
}

}  // namespace descent::ops
