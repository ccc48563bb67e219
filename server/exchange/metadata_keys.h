// What is said of a model in a file's metadata, by key. Values are text.

#ifndef SERVER_EXCHANGE_METADATA_KEYS_H_
#define SERVER_EXCHANGE_METADATA_KEYS_H_

namespace descent::exchange {

// descent.v1.Model as JSON, with what a file is to tell of it: network, optimizer, labels and
// client data.
inline constexpr char kModelKey[] = "descent.model";
// Model.step, Model.last_loss, and Model.state_hash as 16 hexadecimal digits.
inline constexpr char kStepKey[] = "descent.step";
inline constexpr char kLastLossKey[] = "descent.last_loss";
inline constexpr char kStateHashKey[] = "descent.state_hash";
// The updates that the optimizer's state has seen: its t. There if the state is.
inline constexpr char kOptimizerUpdatesKey[] = "descent.optimizer_updates";

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_METADATA_KEYS_H_
