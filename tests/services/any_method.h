// Calls of any method of any service, as their descriptors have them: for what has to hold for all
// of them, those to come included.

#ifndef TESTS_SERVICES_ANY_METHOD_H_
#define TESTS_SERVICES_ANY_METHOD_H_

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace descent::testing {

// Of every service that the server says it has.
std::vector<const google::protobuf::MethodDescriptor*> MethodsOf(
    const std::shared_ptr<grpc::Channel>& channel);

// An empty request.
std::unique_ptr<google::protobuf::Message> RequestOf(
    const google::protobuf::MethodDescriptor& method);

// A request that names the model, and is right in what is read together with the name; null if
// requests of the method name none.
std::unique_ptr<google::protobuf::Message> RequestAbout(
    const std::string& model, const google::protobuf::MethodDescriptor& method);

// One message to a method of any kind, and how the call ended. A stream of answers is cancelled
// after the first.
grpc::Status CallMethod(const std::shared_ptr<grpc::Channel>& channel,
                        const google::protobuf::MethodDescriptor& method,
                        const google::protobuf::Message& request,
                        const std::multimap<std::string, std::string>& metadata);

// That of its ErrorInfo; empty if it has none.
std::string ReasonOf(const grpc::Status& status);

}  // namespace descent::testing

#endif  // TESTS_SERVICES_ANY_METHOD_H_
