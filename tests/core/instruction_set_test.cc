// The dynamic linker loads the build of the core that this test was told to expect.

#include "core/instruction_set.h"

#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

namespace descent {
namespace {

TEST(InstructionSetTest, IsTheOneExpected) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing else runs.
  const char* const expected = std::getenv("DESCENT_EXPECTED_INSTRUCTION_SET");
  if (expected == nullptr) GTEST_SKIP() << "nothing expected";
  EXPECT_EQ(std::string(InstructionSet()), expected);
}

}  // namespace
}  // namespace descent
