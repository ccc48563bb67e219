#include "client/cli/display/output.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/display/json_options.h"

namespace descent::cli {

void Print(absl::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void PrintJson(const nlohmann::ordered_json& json) {
  // Text from the user's files may be anything; in a result what isn't UTF-8 is replaced.
  constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
  Print(absl::StrCat(json.dump(-1, ' ', false, kReplace), "\n"));
}

void PrintJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  PrintUnsetFields(&options);
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) Note(status.ToString());
  Print(absl::StrCat(json, "\n"));
}

void PrintTable(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& right) {
  std::vector<size_t> widths(right.size());
  for (const std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const std::vector<std::string>& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      if (i > 0) line += "  ";
      line += right[i] ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    Print(absl::StrCat(line, "\n"));
  }
}

void Note(absl::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fputc('\n', stderr);
}

void NoteAny(absl::string_view text) {
  if (!text.empty()) Note(absl::StrCat("note: ", text));
}

}  // namespace descent::cli
