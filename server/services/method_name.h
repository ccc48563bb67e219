// The name of a method that calls call.

#ifndef SERVER_SERVICES_METHOD_NAME_H_
#define SERVER_SERVICES_METHOD_NAME_H_

#include <string_view>

namespace descent::services {

// Both parts live as long as the program.
struct MethodName {
  std::string_view service;  // "descent.v1.NetworkService"
  std::string_view method;   // "Step"
};

}  // namespace descent::services

#endif  // SERVER_SERVICES_METHOD_NAME_H_
