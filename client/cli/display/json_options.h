// How messages are printed as JSON, with every release of Protobuf: the option that prints zeros
// and empty lists is called always_print_primitive_fields before Protobuf 26, and later otherwise.

#ifndef CLIENT_CLI_DISPLAY_JSON_OPTIONS_H_
#define CLIENT_CLI_DISPLAY_JSON_OPTIONS_H_

namespace descent::cli {

// Has all fields printed that a message has whether they were set or not. `Options` is
// google::protobuf::util::JsonPrintOptions.
template <typename Options>
void PrintUnsetFields(Options* options) {
  if constexpr (requires { options->always_print_fields_with_no_presence; }) {
    options->always_print_fields_with_no_presence = true;
  } else {
    options->always_print_primitive_fields = true;
  }
}

}  // namespace descent::cli

#endif  // CLIENT_CLI_DISPLAY_JSON_OPTIONS_H_
