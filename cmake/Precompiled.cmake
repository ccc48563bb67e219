# Headers that sources of many targets come to, compiled once for all of them where
# DESCENT_PRECOMPILE says so: for the server's rooms and the client library.
#
#   descent_precompiled_plain     std and Abseil
#   descent_precompiled_service   these, messages and gRPC

include_guard(GLOBAL)

set(plain_headers
  <algorithm> <array> <atomic> <cmath> <cstddef> <cstdint> <cstring> <deque> <functional> <limits>
  <map> <memory> <optional> <string> <string_view> <utility> <variant> <vector>
  <absl/functional/any_invocable.h> <absl/status/statusor.h> <absl/strings/str_cat.h>
  <absl/synchronization/mutex.h> <absl/time/clock.h> <absl/types/span.h>)
set(service_headers
  <grpcpp/grpcpp.h> <descent/v1/admin_service.grpc.pb.h> <descent/v1/model_service.grpc.pb.h>
  <descent/v1/network_service.grpc.pb.h>)
set(plain_libraries absl::any_invocable absl::span absl::statusor absl::strings absl::synchronization
    absl::time descent_warnings)

file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled/nothing.cc CONTENT "")

add_library(descent_precompiled_plain OBJECT ${CMAKE_BINARY_DIR}/precompiled/nothing.cc)
target_link_libraries(descent_precompiled_plain PRIVATE ${plain_libraries})
descent_precompile(descent_precompiled_plain ${plain_headers})

add_library(descent_precompiled_service OBJECT ${CMAKE_BINARY_DIR}/precompiled/nothing.cc)
target_link_libraries(descent_precompiled_service PRIVATE ${plain_libraries} descent_proto)
descent_precompile(descent_precompiled_service ${plain_headers} ${service_headers})
