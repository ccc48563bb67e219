# What every room's CMakeLists.txt is written with.
#
#   descent_library(target DIR directory [SHARED] SOURCES files...
#                   [PUBLIC_DEPS targets...] [PRIVATE_DEPS targets...])
#   descent_precompile(target headers...), descent_reuse_precompiled(target of)
#   descent_join_sources(target)
#   descent_binary(program COMPONENT server|client SOURCES files... DEPS targets...)
#   descent_test(program SOURCES files... DEPS targets...
#                [LABELS unit|e2e|slow|data...] [TIMEOUT seconds])
#   descent_script_test(test COMMAND command... [LABELS ...] [TIMEOUT seconds])
#
# A room is one library over one directory. The sources include each other from the root of the
# repository ("core/network.h"), but a target sees only its own room and those it links: each
# room's include directory is build/rooms/<target>/, which holds a link to that room and to nothing
# else. What a room shows of others in its headers goes into PUBLIC_DEPS, the rest into PRIVATE_DEPS.

include_guard(GLOBAL)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_LINK_DEPENDS_NO_SHARED ON)

# Programs find their libraries beside them, in the build tree as well as installed. The engine is
# the server's own: other programs have no business with it.
set(DESCENT_INSTALL_PRIVATE_LIBDIR ${CMAKE_INSTALL_LIBDIR}/descent)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)

# A compiler cache, unless CCACHE_DISABLE is set when the tree is configured first.
if(NOT "$ENV{CCACHE_DISABLE}" STREQUAL "")
  set(DESCENT_CCACHE OFF CACHE FILEPATH "The compiler cache")
endif()
find_program(DESCENT_CCACHE ccache)
if(DESCENT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${DESCENT_CCACHE})
endif()

# Whether headers that many sources come to are compiled once for all of them. Not where a compiler
# cache is at work: what it has kept costs nothing at all, and it would keep less with them. Nor with
# clang, by whose commands clang-tidy would look for them before they are built. Each source includes
# what it uses all the same, as those builds show.
set(precompile OFF)
if(NOT CMAKE_CXX_COMPILER_LAUNCHER AND CMAKE_CXX_COMPILER_ID STREQUAL GNU AND NOT CMAKE_CROSSCOMPILING)
  set(precompile ON)
endif()
option(DESCENT_PRECOMPILE "Compile common headers once" ${precompile})

# Optimises the engine alone: the rest waits for it and for the network most of the time.
option(DESCENT_QUICK_BUILD "Spend little on optimising all but the core" OFF)
if(DESCENT_QUICK_BUILD)
  set(CMAKE_CXX_FLAGS_RELEASE "-O1 -DNDEBUG")
endif()

# Builds that somebody makes once compile the sources of a room some at a time, as if they were one:
# most of a source's time is what it includes. So a room's sources give no two things one name, in
# unnamed namespaces neither (tests/house/joined_sources_test.py).
set(join_sources ${precompile})
if(DESCENT_QUICK_BUILD)
  set(join_sources ON)
endif()
option(DESCENT_JOIN_SOURCES "Compile sources of a room together" ${join_sources})

if(DESCENT_PRECOMPILE)
  # What macros depend on has to be the same wherever the compiled headers are used.
  add_compile_options(-pthread)
  add_compile_definitions(EIGEN_FAST_MATH=0)
endif()

# Warnings are errors in our own sources, where the builds that CI makes find them; generated and third-party headers are
# system headers. Not for somebody who only wants to see them run, and not with compiled headers, whose code
# gcc 12 takes for ours and warns of (an array bound in Protobuf's map), nor with joined sources, whose unnamed
# namespaces it takes for a header's.
# -Wrestrict is off since gcc 12 sees overlaps in inlined std::string assignments (its bug 105651).
add_library(descent_warnings INTERFACE)
target_compile_options(descent_warnings INTERFACE
  -Wall -Wextra $<$<NOT:$<OR:$<BOOL:${DESCENT_JOIN_SOURCES}>,$<BOOL:${DESCENT_PRECOMPILE}>>>:-Werror> -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wextra-semi -Wcast-qual -Wundef
  $<$<CXX_COMPILER_ID:GNU>:-Wshadow=local -Wno-restrict>
  $<$<CXX_COMPILER_ID:Clang>:-Wshadow -Wthread-safety>)

if(DESCENT_SANITIZERS)
  add_compile_options(-fsanitize=${DESCENT_SANITIZERS} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${DESCENT_SANITIZERS})
endif()

# build/rooms/<target>/<directory> -> <directory>
function(descent_show_room target directory)
  set(root ${CMAKE_BINARY_DIR}/rooms/${target})
  cmake_path(GET directory PARENT_PATH parent)
  file(MAKE_DIRECTORY ${root}/${parent})
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${directory} ${root}/${directory} SYMBOLIC)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${root}>)
endfunction()

# The same for single headers, where a target sees only them of a room.
function(descent_show_headers target scope)
  set(root ${CMAKE_BINARY_DIR}/rooms/${target})
  foreach(header IN LISTS ARGN)
    cmake_path(GET header PARENT_PATH parent)
    file(MAKE_DIRECTORY ${root}/${parent})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${header} ${root}/${header} SYMBOLIC)
  endforeach()
  target_include_directories(${target} ${scope} ${root})
endfunction()

function(descent_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SHARED" "DIR" "SOURCES;PUBLIC_DEPS;PRIVATE_DEPS")
  set(kind STATIC)
  if(arg_SHARED)
    set(kind SHARED)
  endif()
  add_library(${name} ${kind} ${arg_SOURCES})
  descent_join_sources(${name})
  descent_show_room(${name} ${arg_DIR})
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC_DEPS}
                                    PRIVATE ${arg_PRIVATE_DEPS} $<BUILD_INTERFACE:descent_warnings>)
endfunction()

function(descent_binary name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "COMPONENT" "SOURCES;DEPS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} descent_warnings)
  if(arg_COMPONENT STREQUAL server)
    set_target_properties(${name} PROPERTIES
      INSTALL_RPATH $ORIGIN/../${DESCENT_INSTALL_PRIVATE_LIBDIR})
  endif()
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT ${arg_COMPONENT})
  descent_emulate(${name})
endfunction()

# Headers that most sources of a target come to, compiled once for all of them.
function(descent_precompile target)
  if(DESCENT_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# Sources of the target are compiled some at a time where DESCENT_JOIN_SOURCES says so.
function(descent_join_sources target)
  if(DESCENT_JOIN_SOURCES)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 10)
  endif()
endfunction()

# The headers that were compiled for another target, `of`.
function(descent_reuse_precompiled target of)
  if(DESCENT_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${of})
  endif()
endfunction()

# Of a cross-compiled program that is started by its path: what lies there is a script that runs it
# under the emulator, and the program itself lies in emulated/. What one of them starts it finds on
# the PATH.
function(descent_emulate name)
  if(NOT CMAKE_CROSSCOMPILING_EMULATOR)
    return()
  endif()
  get_target_property(directory ${name} RUNTIME_OUTPUT_DIRECTORY)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/emulated)
  list(JOIN CMAKE_CROSSCOMPILING_EMULATOR " " emulator)
  file(CONFIGURE OUTPUT ${directory}/${name} @ONLY CONTENT [[#!/bin/sh
PATH=@CMAKE_RUNTIME_OUTPUT_DIRECTORY@:$PATH exec @emulator@ @CMAKE_BINARY_DIR@/emulated/@name@ "$@"
]])
  file(CHMOD ${directory}/${name} PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endfunction()

# Registers a test with its labels: LABELS (unit if there are none) and its room, which is the first
# directory below tests/. Sets `room` in the caller.
function(descent_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "COMMAND;LABELS")
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(CMAKE_CROSSCOMPILING_EMULATOR)
    math(EXPR arg_TIMEOUT "10 * ${arg_TIMEOUT}")
  endif()
  cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/tests
             OUTPUT_VARIABLE path)
  string(REGEX REPLACE "/.*" "" room ${path})
  add_test(NAME ${room}.${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${room}.${name} PROPERTIES LABELS "${arg_LABELS};${room}"
                                                      TIMEOUT ${arg_TIMEOUT})
  set(room ${room} PARENT_SCOPE)
endfunction()

# A googletest program. It sees "tests/..." beside the rooms it links. The target tests_<room>
# builds all the programs of a room, and all_tests those of all rooms.
function(descent_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;DEPS;LABELS")
  set(timeout)
  if(arg_TIMEOUT)
    set(timeout TIMEOUT ${arg_TIMEOUT})
  endif()
  descent_add_test(${name} COMMAND ${name} LABELS ${arg_LABELS} ${timeout})
  add_executable(${name} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests_bin/${room})
  target_link_libraries(${name} PRIVATE
    ${arg_DEPS} descent_warnings descent_test_paths GTest::gmock GTest::gtest_main Threads::Threads
    $<TARGET_NAME_IF_EXISTS:descent_abseil_thread_sanitizer>)
  if(DESCENT_PRECOMPILE AND NOT room STREQUAL core)
    # Where everything is compiled anew, optimising a test costs more than it saves its one run.
    target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
    set(headers descent_precompiled_plain_tests)
    if("${arg_DEPS}" MATCHES "descent_(cli|client|descentd|ops|proto|services|wire)|test_service_client")
      set(headers descent_precompiled_service_tests)
    endif()
    descent_reuse_precompiled(${name} ${headers})
  elseif(DESCENT_PRECOMPILE)
    descent_reuse_precompiled(${name} descent_precompiled_core_tests)
  endif()
  if(NOT TARGET tests_${room})
    add_custom_target(tests_${room})
    add_dependencies(all_tests tests_${room})
  endif()
  add_dependencies(tests_${room} ${name})
endfunction()

# A test that is a command: a script, or one of our programs with arguments. What it names by
# $<TARGET_FILE:...> is built with all tests.
function(descent_script_test name)
  descent_add_test(${name} ${ARGN})
  string(REGEX MATCHALL "TARGET_FILE:[^>]+" programs "${ARGN}")
  foreach(program IN LISTS programs)
    string(REPLACE "TARGET_FILE:" "" program ${program})
    add_dependencies(all_tests ${program})
  endforeach()
endfunction()

# "version/version.h": what --version prints. The commit is looked up at every build, and only one
# small file is compiled when it changes.
function(descent_add_version_library target)
  set(root ${CMAKE_BINARY_DIR}/rooms/${target})
  file(MAKE_DIRECTORY ${root}/version)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/version.h ${root}/version/version.h COPYONLY)
  add_custom_command(
    OUTPUT ${root}/version/version.cc always_look_up_the_commit
    COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${PROJECT_SOURCE_DIR} -D COMMIT=${DESCENT_COMMIT}
            -D VERSION=${PROJECT_VERSION} -D INPUT=${PROJECT_SOURCE_DIR}/cmake/version.cc.in
            -D OUTPUT=${root}/version/version.cc -P ${PROJECT_SOURCE_DIR}/cmake/Version.cmake
    COMMENT "Looking up the commit"
    VERBATIM)
  set_source_files_properties(always_look_up_the_commit PROPERTIES SYMBOLIC TRUE)
  add_library(${target} STATIC ${root}/version/version.cc)
  target_include_directories(${target} PUBLIC ${root})
endfunction()
