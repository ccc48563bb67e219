#include "core/exceptions.h"

#include <new>
#include <stdexcept>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/error.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

template <typename Exception>
absl::Status StatusOf(const Exception& exception) {
  return CatchExceptions([&]() -> absl::Status { throw exception; });
}

TEST(ExceptionsTest, WhatIsReturnedPasses) {
  EXPECT_EQ(CatchExceptions([] { return absl::StatusOr<int>(3); }).value(), 3);
  EXPECT_EQ(CatchExceptions([] { return absl::AbortedError("no"); }), absl::AbortedError("no"));
}

TEST(ExceptionsTest, WantOfMemoryIsResourceExhausted) {
  for (const absl::Status& status :
       {StatusOf(std::bad_alloc()), StatusOf(std::length_error("")), CatchExceptions([] {
          std::vector<int>().reserve(SIZE_MAX);
          return absl::OkStatus();
        })}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(GetErrorDetails(status).reason, "OUT_OF_MEMORY");
  }
}

TEST(ExceptionsTest, AnythingElseIsInternal) {
  for (const absl::Status& status : {StatusOf(std::bad_variant_access()), StatusOf(7)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_EQ(GetErrorDetails(status).reason, "INTERNAL_ERROR");
  }
}

}  // namespace
}  // namespace descent
