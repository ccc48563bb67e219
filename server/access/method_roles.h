// Which role each method of each service takes: one table, which a test compares with the services
// that the server has.

#ifndef SERVER_ACCESS_METHOD_ROLES_H_
#define SERVER_ACCESS_METHOD_ROLES_H_

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "server/access/role.h"
#include "server/services/method_name.h"

namespace descent::access {

// What a call of a method is about.
enum class Scope : std::uint8_t {
  kOneModel,     // the one that its request names
  kSomeModels,   // those that the caller may know of
  kEveryModel,   // all of them together: only for callers that may use every model
  kServerAlone,  // no model
};

struct MethodRole {
  services::MethodName name;
  Role least;
  Scope scope;
};

// Every method there is.
absl::Span<const MethodRole> MethodRoles();

// The method's row. Null if there is none: nobody may call it then.
const MethodRole* FindMethodRole(const services::MethodName& name);

}  // namespace descent::access

#endif  // SERVER_ACCESS_METHOD_ROLES_H_
