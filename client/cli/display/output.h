// What goes to standard output and standard error.

#ifndef CLIENT_CLI_DISPLAY_OUTPUT_H_
#define CLIENT_CLI_DISPLAY_OUTPUT_H_

#include <google/protobuf/message.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace descent::cli {

// One line on standard output. Numbers must be finite: JSON has no others, and null says nothing.
void PrintJson(const nlohmann::ordered_json& json);
// The same in protobuf's JSON mapping: names as in the contract, 64-bit integers as strings.
void PrintJson(const google::protobuf::Message& message);

// On standard output, as it is.
void Print(absl::string_view text);

// Rows of cells in aligned columns, those of `right` columns to the right.
void PrintTable(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& right);

// A line on standard error.
void Note(absl::string_view text);

// "note: " and the text, if there is one.
void NoteAny(absl::string_view text);

}  // namespace descent::cli

#endif  // CLIENT_CLI_DISPLAY_OUTPUT_H_
