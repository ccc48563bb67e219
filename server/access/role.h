// What callers may do, from least to most.

#ifndef SERVER_ACCESS_ROLE_H_
#define SERVER_ACCESS_ROLE_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace descent::access {

// Each may do what those before it may; docs/operations.md lists it by method.
enum class Role : std::uint8_t {
  kReader,   // asks models, and what there is to be told of them
  kTrainer,  // changes what a model has learned
  kAdmin,    // makes and removes models, changes their settings, copies everything
};

// "reader", "trainer", "admin".
std::string_view NameOf(Role role);
std::optional<Role> RoleNamed(std::string_view name);

}  // namespace descent::access

#endif  // SERVER_ACCESS_ROLE_H_
