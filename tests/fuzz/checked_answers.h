// What must be true of every answer and every failure, whatever was sent.

#ifndef TESTS_FUZZ_CHECKED_ANSWERS_H_
#define TESTS_FUZZ_CHECKED_ANSWERS_H_

#include <google/protobuf/message.h>

#include "absl/status/status.h"

namespace descent::fuzz {

// Ends the process if the failure is one that no input may cause, or has no details.
void CheckFailure(const absl::Status& status);

// Ends the process if a number of the answer is not finite.
void CheckAnswer(const google::protobuf::Message& response);

}  // namespace descent::fuzz

#endif  // TESTS_FUZZ_CHECKED_ANSWERS_H_
