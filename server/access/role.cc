#include "server/access/role.h"

namespace descent::access {
namespace {

constexpr Role kRoles[] = {Role::kReader, Role::kTrainer, Role::kAdmin};

}  // namespace

std::string_view NameOf(Role role) {
  switch (role) {
    case Role::kReader:
      return "reader";
    case Role::kTrainer:
      return "trainer";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

std::optional<Role> RoleNamed(std::string_view name) {
  for (const Role role : kRoles) {
    if (NameOf(role) == name) return role;
  }
  return std::nullopt;
}

}  // namespace descent::access
