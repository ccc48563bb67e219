// Every kind of the contract beside what it is in the engine: one row per kind, one table per
// family. A kind is on the wire by having its row here; the suites loop over these tables.

#ifndef SERVER_WIRE_KINDS_H_
#define SERVER_WIRE_KINDS_H_

#include "absl/types/span.h"
#include "core/spec.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network.pb.h"
#include "google/protobuf/message.h"
#include "server/models/commands.h"

namespace descent::wire {

// An enum value of the wire and its counterpart.
template <typename Wire, typename Core>
struct KindRow {
  Wire wire;
  Core core;
};

absl::Span<const KindRow<v1::InitializerKind, InitializerKind>> InitializerRows();
absl::Span<const KindRow<v1::DataType, DataType>> NetworkDataTypeRows();
absl::Span<const KindRow<v1::Durability, models::Durability>> DurabilityRows();
absl::Span<const KindRow<v1::Hashing, Hashing>> HashingRows();
absl::Span<const KindRow<v1::Combiner, Combiner>> CombinerRows();

// Row i is alternative i of the variant, with its default parameters.
absl::Span<const KindRow<v1::ActivationKind, ActivationSpec>> ActivationRows();
absl::Span<const KindRow<v1::LossKind, LossSpec>> LossRows();

// A message with parameters, one case of a oneof, and its counterpart, one alternative of a
// variant.
template <typename Variant>
struct AlternativeRow {
  const char* field;  // the case's name
  // Sets `options` to the row's alternative: the message's parameters, and the alternative's
  // defaults for those that are not set.
  void (*decode)(const google::protobuf::Message& message, Variant* options);
  // Sets every parameter of the message. Requires the row's alternative.
  void (*encode)(const Variant& options, google::protobuf::Message* message);
};

// OptimizerSpec.algorithm: row i is alternative i of OptimizerOptions.
absl::Span<const AlternativeRow<OptimizerOptions>> OptimizerRows();

// LearningRateSchedule.decay: row i is alternative i of ScheduleSpec::decay.
using Decay = decltype(ScheduleSpec::decay);
absl::Span<const AlternativeRow<Decay>> DecayRows();

}  // namespace descent::wire

#endif  // SERVER_WIRE_KINDS_H_
