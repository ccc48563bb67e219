#include "client/cli/specs.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "client/cli/failure.h"
#include "client/cli/layers.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;

constexpr char kKindField[] = "kind";

// "ACTIVATION_KIND_", which every value's name begins with.
absl::string_view Prefix(const EnumDescriptor& kinds) {
  constexpr absl::string_view kUnspecified = "UNSPECIFIED";
  const absl::string_view first = kinds.value(0)->name();
  return first.substr(0, first.size() - kUnspecified.size());
}

// Null if no value is spelled so.
const EnumValueDescriptor* FindSpelled(const EnumDescriptor& kinds, const std::string& spelled) {
  const EnumValueDescriptor* value =
      kinds.FindValueByName(absl::StrCat(Prefix(kinds), absl::AsciiStrToUpper(spelled)));
  return value == nullptr || value->number() == 0 ? nullptr : value;
}

std::string SpelledName(const EnumValueDescriptor& kind) {
  return absl::AsciiStrToLower(absl::string_view(kind.name()).substr(Prefix(*kind.type()).size()));
}

std::string NameOfNumber(const EnumDescriptor& kinds, int number) {
  const EnumValueDescriptor* value = kinds.FindValueByNumber(number);
  return value == nullptr ? absl::StrCat(number) : SpelledName(*value);
}

std::string Names(const EnumDescriptor& kinds) {
  std::vector<std::string> names;
  for (int i = 1; i < kinds.value_count(); ++i) names.push_back(SpelledName(*kinds.value(i)));
  return absl::StrJoin(names, ", ");
}

std::string Names(const OneofDescriptor& choices) {
  std::vector<std::string> names;
  for (int i = 0; i < choices.field_count(); ++i) names.emplace_back(choices.field(i)->name());
  return absl::StrJoin(names, ", ");
}

const OneofDescriptor& Algorithms() {
  return *v1::OptimizerSpec::descriptor()->FindOneofByName("algorithm");
}

const OneofDescriptor& Decays() {
  return *v1::LearningRateSchedule::descriptor()->FindOneofByName("decay");
}

// A spelling taken apart: `name:key=value,key=value`.
struct Spelling {
  std::string name;
  std::vector<std::pair<std::string, std::string>> hyperparameters;
};

absl::StatusOr<Spelling> TakeApart(const std::string& text, absl::string_view option) {
  const std::pair<std::string, std::string> halves = absl::StrSplit(text, absl::MaxSplits(':', 1));
  Spelling spelling{halves.first, {}};
  for (const absl::string_view part : absl::StrSplit(halves.second, ',', absl::SkipEmpty())) {
    const std::vector<std::string> sides = absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (sides.size() != 2) {
      return UsageError(absl::StrCat(option, ": expected NAME:KEY=VALUE,..., got \"", text, "\""));
    }
    spelling.hyperparameters.emplace_back(sides[0], sides[1]);
  }
  return spelling;
}

std::string HyperparameterNames(const Message& message) {
  std::vector<std::string> names;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const absl::string_view name = message.GetDescriptor()->field(i)->name();
    if (name != kKindField) names.emplace_back(name);
  }
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

// Sets a field from text; false if the text is not of its type.
bool SetField(const FieldDescriptor& field, const std::string& text, Message* message) {
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      double value = 0;
      if (!absl::SimpleAtod(text, &value)) return false;
      reflection.SetDouble(message, &field, value);
      return true;
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      int64_t value = 0;
      if (!absl::SimpleAtoi(text, &value)) return false;
      reflection.SetInt64(message, &field, value);
      return true;
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      bool value = false;
      if (!absl::SimpleAtob(text, &value)) return false;
      reflection.SetBool(message, &field, value);
      return true;
    }
    default:
      return false;
  }
}

absl::Status SetHyperparameters(const Spelling& spelling, absl::string_view option,
                                Message* message) {
  for (const auto& [name, value] : spelling.hyperparameters) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
    if (field == nullptr || name == kKindField) {
      return UsageError(absl::StrCat(option, ": ", spelling.name, " has no \"", name,
                                     "\" (but: ", HyperparameterNames(*message), ")"));
    }
    if (!SetField(*field, value, message)) {
      return UsageError(absl::StrCat(option, ": ", name, " can't be \"", value, "\""));
    }
  }
  return absl::OkStatus();
}

// Messages that say by an enum what they are.
template <typename T>
absl::StatusOr<T> ParseByKind(const std::string& text, absl::string_view option) {
  ASSIGN_OR_RETURN(const Spelling spelling, TakeApart(text, option));
  T message;
  const FieldDescriptor& kind = *T::descriptor()->FindFieldByName(kKindField);
  const EnumDescriptor& kinds = *kind.enum_type();
  const EnumValueDescriptor* value = FindSpelled(kinds, spelling.name);
  if (value == nullptr) {
    return UsageError(absl::StrCat(option, ": \"", spelling.name, "\" is none of ", Names(kinds)));
  }
  message.GetReflection()->SetEnum(&message, &kind, value);
  RETURN_IF_ERROR(SetHyperparameters(spelling, option, &message));
  return message;
}

// Messages that say by a oneof what they are.
template <typename T>
absl::StatusOr<T> ParseByChoice(const std::string& text, absl::string_view option,
                                const OneofDescriptor& choices) {
  ASSIGN_OR_RETURN(const Spelling spelling, TakeApart(text, option));
  T message;
  const FieldDescriptor* choice = T::descriptor()->FindFieldByName(spelling.name);
  if (choice == nullptr || choice->containing_oneof() != &choices) {
    return UsageError(
        absl::StrCat(option, ": \"", spelling.name, "\" is none of ", Names(choices)));
  }
  RETURN_IF_ERROR(SetHyperparameters(spelling, option,
                                     message.GetReflection()->MutableMessage(&message, choice)));
  return message;
}

// Of one width behind each other, before they are counted instead.
constexpr size_t kMostShownAlike = 3;
// That one "64x…" may stand for.
constexpr int64_t kMostLayers = 10000;

}  // namespace

absl::StatusOr<v1::Activation> ParseActivation(const std::string& text) {
  return ParseByKind<v1::Activation>(text, "--activation");
}

absl::StatusOr<v1::Initializer> ParseInitializer(const std::string& text) {
  return ParseByKind<v1::Initializer>(text, "--initializer");
}

absl::StatusOr<v1::Loss> ParseLoss(const std::string& text) {
  return ParseByKind<v1::Loss>(text, "--loss");
}

absl::StatusOr<v1::OptimizerSpec> ParseOptimizer(const std::string& text) {
  return ParseByChoice<v1::OptimizerSpec>(text, "--optimizer", Algorithms());
}

absl::StatusOr<v1::LearningRateSchedule> ParseSchedule(const std::string& text) {
  return ParseByChoice<v1::LearningRateSchedule>(text, "--schedule", Decays());
}

absl::StatusOr<v1::Durability> ParseDurability(const std::string& text) {
  const EnumValueDescriptor* value = FindSpelled(*v1::Durability_descriptor(), text);
  if (value == nullptr) {
    return UsageError(absl::StrCat("--durability: \"", text, "\" is none of ", DurabilityNames()));
  }
  return static_cast<v1::Durability>(value->number());
}

absl::StatusOr<std::vector<int64_t>> ParseLayers(const std::string& text) {
  std::vector<int64_t> layers;
  if (text.empty() || text == "none") return layers;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> width_and_count =
        absl::StrSplit(part, absl::MaxSplits('x', 1));
    int64_t units = 0;
    int64_t count = 1;
    const bool counted = absl::StrContains(part, 'x');
    if (!absl::SimpleAtoi(width_and_count.first, &units) || units < 1 ||
        (counted &&
         (!absl::SimpleAtoi(width_and_count.second, &count) || count < 1 || count > kMostLayers))) {
      return UsageError(absl::StrCat(
          "--layers: expected widths such as 64,64 or 64x8,32 (or none), got \"", text, "\""));
    }
    layers.insert(layers.end(), static_cast<size_t>(count), units);
  }
  return layers;
}

std::string ActivationNames() { return Names(*v1::ActivationKind_descriptor()); }
std::string DurabilityNames() { return Names(*v1::Durability_descriptor()); }
std::string InitializerNames() { return Names(*v1::InitializerKind_descriptor()); }
std::string LossNames() { return Names(*v1::LossKind_descriptor()); }
std::string OptimizerNames() { return Names(Algorithms()); }
std::string ScheduleNames() { return Names(Decays()); }

std::string NameOf(v1::ActivationKind kind) {
  return NameOfNumber(*v1::ActivationKind_descriptor(), kind);
}

std::string NameOf(v1::LossKind kind) { return NameOfNumber(*v1::LossKind_descriptor(), kind); }

std::string NameOf(v1::Durability durability) {
  return NameOfNumber(*v1::Durability_descriptor(), durability);
}

std::string NameOf(const v1::OptimizerSpec& optimizer) {
  const FieldDescriptor* field =
      v1::OptimizerSpec::GetReflection()->GetOneofFieldDescriptor(optimizer, &Algorithms());
  return std::string(field == nullptr ? "none" : field->name());
}

// As whoever answers says it, so that the sum may wrap around.
int64_t FirstWidth(const v1::NetworkSpec& network) {
  auto width = static_cast<uint64_t>(network.input_features());
  for (const v1::CategoricalInput& input : network.categorical_inputs()) {
    width += static_cast<uint64_t>(input.dimension());
  }
  return static_cast<int64_t>(width);
}

std::string ShapeOf(const v1::NetworkSpec& network) {
  std::vector<int64_t> widths = {FirstWidth(network)};
  for (const v1::DenseLayer* dense : DenseLayers(network)) widths.push_back(dense->units());
  std::string shape;
  for (size_t i = 0; i < widths.size();) {
    size_t end = i + 1;
    while (end < widths.size() && widths[end] == widths[i]) ++end;
    // A long run of one width is counted.
    const size_t shown = end - i > kMostShownAlike ? 1 : end - i;
    for (size_t j = 0; j < shown; ++j) absl::StrAppend(&shape, shape.empty() ? "" : "-", widths[i]);
    if (shown < end - i) absl::StrAppend(&shape, "x", end - i);
    i = end;
  }
  return shape;
}

int64_t OutputsOf(const v1::NetworkSpec& network) {
  const std::vector<const v1::DenseLayer*> dense = DenseLayers(network);
  return dense.empty() ? FirstWidth(network) : dense.back()->units();
}

bool IsClassLoss(v1::LossKind kind) {
  return kind == v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY || kind == v1::LOSS_KIND_BINARY_CROSS_ENTROPY;
}

}  // namespace descent::cli
