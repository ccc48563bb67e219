# Headers that sources of many targets come to, compiled once for all of them where
# DESCENT_PRECOMPILE says so: for the server's rooms, the client library and the tests.
#
#   descent_precompiled_plain           std and Abseil
#   descent_precompiled_service         these, messages and gRPC
#   descent_precompiled_core_tests      std, Abseil and GoogleTest, optimised as the core's tests are
#   descent_precompiled_plain_tests     the same for the other tests
#   descent_precompiled_service_tests   these, messages and gRPC

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

set(test_headers <gmock/gmock.h> <gtest/gtest.h>)

file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled/nothing.cc CONTENT "")

# descent_precompiled_<name> of these headers.
function(descent_precompiled name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPS;OPTIONS;HEADERS")
  set(target descent_precompiled_${name})
  add_library(${target} OBJECT ${CMAKE_BINARY_DIR}/precompiled/nothing.cc)
  target_compile_options(${target} PRIVATE ${arg_OPTIONS})
  target_link_libraries(${target} PRIVATE ${plain_libraries} ${arg_DEPS})
  descent_precompile(${target} ${plain_headers} ${arg_HEADERS})
endfunction()

descent_precompiled(plain)
descent_precompiled(service DEPS descent_proto HEADERS ${service_headers})
if(DESCENT_BUILD_TESTS)
  find_package(GTest CONFIG REQUIRED)
  # As programs are compiled, not libraries.
  set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
  set(options -fPIE $<$<CONFIG:Release>:-O1>)
  descent_precompiled(core_tests OPTIONS -fPIE DEPS GTest::gmock HEADERS ${test_headers})
  descent_precompiled(plain_tests OPTIONS ${options} DEPS GTest::gmock HEADERS ${test_headers})
  descent_precompiled(service_tests OPTIONS ${options} DEPS GTest::gmock descent_proto
                      HEADERS ${test_headers} ${service_headers})
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()
