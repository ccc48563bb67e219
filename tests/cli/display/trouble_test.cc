#include "client/cli/display/trouble.h"

#include <string>
#include <vector>

#include "absl/strings/cord.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"

namespace descent::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::Status Because(const std::string& message, const std::string& reason = "") {
  absl::Status status = absl::UnavailableError(message);
  if (reason.empty()) return status;
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("descent.v1");
  status.SetPayload("type.googleapis.com/google.rpc.ErrorInfo",
                    absl::Cord(info.SerializeAsString()));
  return status;
}

class TroubleTest : public ::testing::Test {
 protected:
  std::vector<std::string> lines_;
  TroubleNotes notes_{[this](const std::string& line) { lines_.push_back(line); }};
};

TEST_F(TroubleTest, WhatPassesSoonIsNotWorthALine) {
  notes_.Add(Because("away"), absl::ZeroDuration());
  notes_.Add(Because("away"), absl::Milliseconds(900));
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(TroubleTest, WhatLastsIsSaidOnce) {
  for (const int seconds : {0, 1, 2, 3}) notes_.Add(Because("away"), absl::Seconds(seconds));
  EXPECT_THAT(lines_, ElementsAre("descent: trying again: away"));
  notes_.Add(Because("recovering"), absl::Seconds(4));
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("away"), HasSubstr("recovering")));
  for (const int seconds : {0, 1, 2}) notes_.Add(Because("recovering"), absl::Seconds(seconds));
  EXPECT_THAT(lines_,
              ElementsAre(HasSubstr("away"), HasSubstr("recovering"), HasSubstr("recovering")));
}

TEST_F(TroubleTest, AFullDiskIsSaidAtOnce) {
  notes_.Add(Because("no room", "STORAGE_FULL"), absl::ZeroDuration());
  EXPECT_THAT(lines_,
              ElementsAre("descent: the server's disk is full, waiting for room (no room)"));
  notes_.Add(Because("EIO", "STORAGE_FAILED"), absl::Milliseconds(1));
  EXPECT_THAT(lines_[1], HasSubstr("can't keep anything, waiting for its restart (EIO)"));
}

TEST_F(TroubleTest, WhatIsInTheLinesPlaceIsTakenAway) {
  notes_.SetBefore([this] { lines_.emplace_back("cleared"); });
  notes_.Add(Because("away"), absl::Seconds(1));
  notes_.SetBefore(nullptr);
  notes_.Add(Because("far"), absl::Seconds(2));
  EXPECT_THAT(lines_, ElementsAre("cleared", HasSubstr("away"), HasSubstr("far")));
}

}  // namespace
}  // namespace descent::cli
