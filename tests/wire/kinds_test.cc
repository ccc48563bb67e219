// The tables of kinds against the contract on one side and the engine on the other: whatever either
// of them knows is there, once, under the same name.

#include "server/wire/kinds.h"

#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/activations/kinds.h"
#include "core/initializers/initializer.h"
#include "core/losses/kinds.h"
#include "core/optimizers/kinds.h"
#include "core/schedules/schedule.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace descent::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

std::string Upper(std::string_view name) {
  std::string upper;
  for (const char c : name) upper.push_back(static_cast<char>(std::toupper(c)));
  return upper;
}

// The kind of a row is that of an entry of the engine's table.
bool Matches(InitializerKind kind, const InitializerInfo& info) { return kind == info.kind; }
template <typename Spec, typename Info>
bool Matches(const Spec& spec, const Info& info) {
  return spec.index() == info.defaults.index();
}

// Every value of `values` but "unspecified" has a row, and every entry of `infos`, the engine's
// table, too; their names agree.
template <typename Rows, typename Infos>
void ExpectSameKinds(const EnumDescriptor* values, const std::string& prefix, Rows rows,
                     Infos infos) {
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(values->value_count() - 1));
  ASSERT_EQ(rows.size(), infos.size());
  std::set<std::string> names;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto* value = values->FindValueByNumber(rows[i].wire);
    ASSERT_NE(value, nullptr);
    EXPECT_TRUE(Matches(rows[i].core, infos[i])) << value->name();
    EXPECT_EQ(value->name(), prefix + Upper(infos[i].name));
    names.emplace(value->name());
  }
  EXPECT_EQ(names.size(), rows.size());
}

TEST(KindsTest, ActivationsAreTheContractsAndTheEngines) {
  ExpectSameKinds(v1::ActivationKind_descriptor(), "ACTIVATION_KIND_", ActivationRows(),
                  Activations());
}

TEST(KindsTest, InitializersAreTheContractsAndTheEngines) {
  ExpectSameKinds(v1::InitializerKind_descriptor(), "INITIALIZER_KIND_", InitializerRows(),
                  Initializers());
}

TEST(KindsTest, LossesAreTheContractsAndTheEngines) {
  ExpectSameKinds(v1::LossKind_descriptor(), "LOSS_KIND_", LossRows(), Losses());
}

TEST(KindsTest, DurabilitiesAreTheContracts) {
  ASSERT_EQ(DurabilityRows().size(),
            static_cast<std::size_t>(v1::Durability_descriptor()->value_count() - 1));
  for (const auto& row : DurabilityRows()) {
    EXPECT_EQ(static_cast<int>(row.wire), static_cast<int>(row.core));
  }
}

// The contract's first value, which says nothing, has no row.
template <typename Rows>
void ExpectAllButUnspecified(const EnumDescriptor* values, Rows rows) {
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(values->value_count() - 1));
  for (int i = 0; i < values->value_count() - 1; ++i) {
    EXPECT_EQ(static_cast<int>(rows[static_cast<std::size_t>(i)].wire), i + 1);
    EXPECT_EQ(static_cast<int>(rows[static_cast<std::size_t>(i)].core), i);
  }
}

TEST(KindsTest, HashingsAndCombinersAreTheContracts) {
  ExpectAllButUnspecified(v1::Hashing_descriptor(), HashingRows());
  ExpectAllButUnspecified(v1::Combiner_descriptor(), CombinerRows());
}

// The cases of the oneof are the rows, in the order of their numbers, and `infos` of the engine's.
template <typename Rows, typename Infos>
void ExpectSameCases(const Descriptor* message, const char* oneof_name, Rows rows, Infos infos) {
  const auto* oneof = message->FindOneofByName(oneof_name);
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(oneof->field_count()));
  ASSERT_EQ(rows.size(), infos.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].field, oneof->field(static_cast<int>(i))->name());
    EXPECT_EQ(rows[i].field, infos[i].name);
  }
}

TEST(KindsTest, OptimizersAreTheContractsAndTheEngines) {
  ExpectSameCases(v1::OptimizerSpec::descriptor(), "algorithm", OptimizerRows(), Optimizers());
  for (std::size_t i = 0; i < Optimizers().size(); ++i) {
    EXPECT_EQ(Optimizers()[i].defaults.index(), i);
  }
}

TEST(KindsTest, SchedulesAreTheContractsAndTheEngines) {
  ExpectSameCases(v1::LearningRateSchedule::descriptor(), "decay", DecayRows(), Schedules());
}

// Sets each field of a parameter message to a value of its own, so that none can pass for another.
void Fill(Message* message) {
  for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->field(i);
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_DOUBLE:
        message->GetReflection()->SetDouble(message, field, 0.125 + i);
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        message->GetReflection()->SetInt64(message, field, 100 + i);
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        message->GetReflection()->SetBool(message, field, true);
        break;
      default:
        FAIL() << "a parameter of a type that the tables do not know: " << field->full_name();
    }
  }
}

// Every parameter of every case survives the way to the engine and back.
template <typename Variant>
void ExpectRoundTrips(const Descriptor* parent, absl::Span<const AlternativeRow<Variant>> rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Descriptor* type = parent->FindFieldByName(rows[i].field)->message_type();
    const Message* prototype = MessageFactory::generated_factory()->GetPrototype(type);
    std::unique_ptr<Message> sent(prototype->New());
    Fill(sent.get());
    Variant options;
    rows[i].decode(*sent, &options);
    ASSERT_EQ(options.index(), i) << rows[i].field;
    std::unique_ptr<Message> answered(prototype->New());
    rows[i].encode(options, answered.get());
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*sent, *answered))
        << rows[i].field << ": " << answered->ShortDebugString();
  }
}

TEST(KindsTest, EveryHyperparameterOfEveryOptimizerRoundTrips) {
  ExpectRoundTrips(v1::OptimizerSpec::descriptor(), OptimizerRows());
}

TEST(KindsTest, EveryParameterOfEveryScheduleRoundTrips) {
  ExpectRoundTrips(v1::LearningRateSchedule::descriptor(), DecayRows());
}

TEST(KindsTest, HyperparametersThatAreNotSetHaveTheEnginesDefaults) {
  for (std::size_t i = 0; i < OptimizerRows().size(); ++i) {
    const auto& row = OptimizerRows()[i];
    const Descriptor* type =
        v1::OptimizerSpec::descriptor()->FindFieldByName(row.field)->message_type();
    const Message* prototype = MessageFactory::generated_factory()->GetPrototype(type);
    OptimizerOptions options;
    row.decode(*prototype, &options);
    std::unique_ptr<Message> decoded(prototype->New());
    row.encode(options, decoded.get());
    std::unique_ptr<Message> defaults(prototype->New());
    row.encode(Optimizers()[i].defaults, defaults.get());
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*decoded, *defaults))
        << row.field;
  }
}

}  // namespace
}  // namespace descent::wire
