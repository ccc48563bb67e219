# Cross-compiles for 64-bit ARM with Debian's gcc, or with the clang that CMAKE_CXX_COMPILER names,
# against the arm64 packages that scripts/test-arm64 unpacks into DESCENT_SYSROOT, and runs what it
# built under qemu's user emulation. Where they are installed beside the machine's own, as
# `scripts/setup --for arm64` does, DESCENT_SYSROOT is /. Generators of code (protoc and its plugin) are
# the building machine's own.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++ CACHE STRING "The compiler")
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)  # which clang has to be told

if(NOT DEFINED DESCENT_SYSROOT)
  cmake_path(SET DESCENT_SYSROOT NORMALIZE ${CMAKE_CURRENT_LIST_DIR}/../build/arm64-sysroot)
endif()
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES DESCENT_SYSROOT)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)  # the directories of its libraries
if(NOT DESCENT_SYSROOT STREQUAL "/")
  set(CMAKE_SYSROOT ${DESCENT_SYSROOT})
  set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
  set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
  set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
  set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
endif()
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR}
    ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)

set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L ${DESCENT_SYSROOT})
