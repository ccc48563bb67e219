// Whether two descriptions of a network compute the same.

#ifndef SERVER_EXCHANGE_ONNX_SAME_NETWORK_H_
#define SERVER_EXCHANGE_ONNX_SAME_NETWORK_H_

#include "core/spec.h"

namespace descent::exchange {

// Whether networks of the two specs predict the same of the same parameters, which are then laid
// out alike: what only training looks at may differ (dropout, seeds, initialisers, the loss but for
// its output transform, which rows the statistics count, what several categories of a row become).
bool PredictTheSame(const NetworkSpec& a, const NetworkSpec& b);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_SAME_NETWORK_H_
