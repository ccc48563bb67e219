// Messages from protobuf's text format, so that a test shows what a client sends.

#ifndef TESTS_WIRE_TEXT_MESSAGE_H_
#define TESTS_WIRE_TEXT_MESSAGE_H_

#include <string>

#include "core/check.h"
#include "google/protobuf/text_format.h"

namespace descent::wire {

template <typename Message>
Message FromText(const std::string& text) {
  Message message;
  DESCENT_CHECK(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

}  // namespace descent::wire

#endif  // TESTS_WIRE_TEXT_MESSAGE_H_
