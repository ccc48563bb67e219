#include "client/cli/failure.h"

#include <gtest/gtest.h>

namespace descent::cli {
namespace {

TEST(PlaceTest, SaysWhatIsKnown) {
  EXPECT_EQ(ToString(Place{"data.csv", 17, 3}), "data.csv:17:3");
  EXPECT_EQ(ToString(Place{"data.csv", 17}), "data.csv:17");
  EXPECT_EQ(ToString(Place{"data.csv"}), "data.csv");
}

TEST(ExitCodeTest, TellsWhoseFaultItIs) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf(UsageError("--rows: must be positive")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(DataError({"data.csv"}, "empty")), ExitCode::kBadData);
  EXPECT_EQ(ExitCodeOf(FileError("store.db", "No space left")), ExitCode::kCannotWrite);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("connection refused")), ExitCode::kUnreachable);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("the server's")), ExitCode::kRefused);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("no such model")), ExitCode::kRefused);
}

TEST(DataErrorTest, BeginsWithThePlace) {
  EXPECT_EQ(DataError({"data.csv", 17, 3}, "expected 9 fields, got 8").message(),
            "data.csv:17:3: expected 9 fields, got 8");
  EXPECT_EQ(FileError("store.db", "No space left").message(), "store.db: No space left");
}

}  // namespace
}  // namespace descent::cli
