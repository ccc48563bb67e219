#include "server/wire/unknown_fields.h"

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/unknown_field_set.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace descent::wire {
namespace {

using descent::testing::FailsAt;
using descent::testing::IsOk;
using descent::testing::ReasonIs;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

// Calls `visit` with every message that can lie in `root`, each once on the way down, and its path.
void VisitMessages(Message* root, const std::string& path, std::set<const Descriptor*>* above,
                   const std::function<void(Message*, const std::string&)>& visit) {
  const Descriptor* descriptor = root->GetDescriptor();
  if (!above->insert(descriptor).second) return;
  visit(root, path);
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
    const std::string prefix = path.empty() ? "" : path + ".";
    if (field->is_repeated()) {
      Message* element = root->GetReflection()->AddMessage(root, field);
      VisitMessages(element, absl::StrCat(prefix, field->name(), "[0]"), above, visit);
    } else {
      Message* child = root->GetReflection()->MutableMessage(root, field);
      VisitMessages(child, absl::StrCat(prefix, field->name()), above, visit);
    }
    root->GetReflection()->ClearField(root, field);
  }
  above->erase(descriptor);
}

void CheckRequest(const Descriptor* request) {
  const std::unique_ptr<Message> root(
      MessageFactory::generated_factory()->GetPrototype(request)->New());
  std::set<const Descriptor*> above;
  VisitMessages(root.get(), "", &above, [&](Message* message, const std::string& path) {
    EXPECT_THAT(RejectUnknownFields(*root), IsOk()) << path;
    message->GetReflection()->MutableUnknownFields(message)->AddVarint(1000, 1);
    const absl::Status status = RejectUnknownFields(*root);
    if (path.empty()) {
      EXPECT_THAT(status, ReasonIs("UNKNOWN_FIELD"));
      EXPECT_EQ(status.message(), "unknown field number 1000");
    } else {
      EXPECT_THAT(status, FailsAt(path, "UNKNOWN_FIELD"));
      EXPECT_EQ(status.message(), path + ": unknown field number 1000");
    }
    EXPECT_EQ(GetErrorDetails(status).metadata.at("field_number"), "1000");
    message->GetReflection()->MutableUnknownFields(message)->Clear();
  });
}

TEST(UnknownFieldsTest, AreFoundInEveryMessageOfEveryRequest) {
  for (const auto* file :
       {v1::GetModelRequest::descriptor()->file(), v1::PredictRequest::descriptor()->file()}) {
    const auto* service = file->service(0);
    for (int i = 0; i < service->method_count(); ++i) {
      SCOPED_TRACE(service->method(i)->full_name());
      CheckRequest(service->method(i)->input_type());
    }
  }
}

}  // namespace
}  // namespace descent::wire
