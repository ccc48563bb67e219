#include "core/exceptions.h"

#include <exception>
#include <new>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace descent {
namespace {

absl::Status OutOfMemory() {
  return Error(absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY",
               "the server has not the memory that this takes; nothing was changed");
}

}  // namespace

absl::Status StatusOfException() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  } catch (const std::length_error&) {
    return OutOfMemory();
  } catch (const std::exception& error) {
    return Error(absl::StatusCode::kInternal, "INTERNAL_ERROR",
                 absl::StrCat("a fault of the server itself, nothing was changed: ", error.what()));
  } catch (...) {
    return Error(absl::StatusCode::kInternal, "INTERNAL_ERROR",
                 "a fault of the server itself, nothing was changed");
  }
}

}  // namespace descent
