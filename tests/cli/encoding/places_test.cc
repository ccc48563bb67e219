#include "client/cli/encoding/places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"
#include "tests/cli/message.h"

namespace descent::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

absl::Status ServerError(const std::string& message, const std::string& reason,
                         const std::map<std::string, std::string>& facts) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  for (const auto& [name, value] : facts) (*info.mutable_metadata())[name] = value;
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload("type.googleapis.com/google.rpc.ErrorInfo",
                    absl::Cord(info.SerializeAsString()));
  return status;
}

// Columns a, then c with three inputs, and the target y between them in the file.
Dataset Rows() {
  Dataset dataset;
  dataset.rows = 3;
  dataset.features = 4;
  dataset.inputs.resize(2);
  dataset.inputs[0].schema = {"a", ColumnKind::kNumber, 0};
  dataset.inputs[1].schema = {"c", ColumnKind::kCategory, 2};
  dataset.inputs[1].width = 3;
  dataset.target = ColumnSchema{"y", ColumnKind::kNumber, 1};
  dataset.source = "rows.csv";
  dataset.lines = {2, 3, 7};
  return dataset;
}

TEST(PlacesTest, NameTheLineAndColumnOfAnInput) {
  const absl::Status error = ServerError(
      "batch with sequence 9: batch.inputs: expected finite float32 values, got 5 at "
      "row 1, column 3",
      "NON_FINITE_VALUE",
      {{"field", "batch.inputs"}, {"row", "1"}, {"column", "3"}, {"sequence", "9"}});
  const absl::Status placed = AtItsPlace(error, Rows(), {0, 2}, "m");
  EXPECT_EQ(Message(placed), "rows.csv:7:3: c: expected finite float32 values, got 5");
  EXPECT_EQ(ExitCodeOf(placed), ExitCode::kBadData);
}

TEST(PlacesTest, NameTheTargetsColumn) {
  const absl::Status error =
      ServerError("batch.targets: row 0: expected a class, got 12", "INVALID_FIELD",
                  {{"field", "batch.targets"}, {"row", "0"}});
  EXPECT_EQ(Message(AtItsPlace(error, Rows(), {1}, "m")),
            "rows.csv:3:2: y: expected a class, got 12");
}

TEST(PlacesTest, SayWhatHelpsWhereAnAnswerIsNotFinite) {
  const absl::Status error =
      ServerError("row 2, column 0: outputs would be inf: scale the inputs", "NON_FINITE_ANSWER",
                  {{"answer", "outputs"}, {"row", "2"}});
  const std::string message = Message(AtItsPlace(error, Rows(), {0, 1, 2}, "m"));
  EXPECT_THAT(message, StartsWith("rows.csv:7: the prediction is not a finite number: "));
  EXPECT_THAT(message, HasSubstr("`descent delete m`"));
  EXPECT_THAT(message, Not(HasSubstr("inf:")));
}

TEST(PlacesTest, LeaveOtherErrorsAsTheyAre) {
  for (const absl::Status& error : {absl::Status(absl::UnavailableError("gone")),
                                    ServerError("stale", "STEP_MISMATCH", {{"expected", "7"}}),
                                    ServerError("of a row there isn't", "X", {{"row", "99"}}),
                                    ServerError("of no row", "X", {{"row", "many"}})}) {
    EXPECT_EQ(AtItsPlace(error, Rows(), {0, 1, 2}, "m"), error);
    EXPECT_EQ(AtItsPlace(error, EvaluatedRows(), "m"), error);
  }
}

TEST(RowLinesTest, FindsTheLineOfARow) {
  RowLines lines;
  EXPECT_EQ(lines.LineOf(0), std::nullopt);
  lines.Add({2, 3, 4, 8});
  lines.Add({9, 10, 20});
  EXPECT_EQ(lines.rows(), 7);
  EXPECT_EQ(lines.LineOf(0), 2);
  EXPECT_EQ(lines.LineOf(2), 4);
  EXPECT_EQ(lines.LineOf(3), 8);
  EXPECT_EQ(lines.LineOf(5), 10);
  EXPECT_EQ(lines.LineOf(6), 20);
  EXPECT_EQ(lines.LineOf(7), std::nullopt);
}

// Rows 2, 7 | 3 of the file, sent in pieces.
EvaluatedRows Evaluated(int pieces) {
  EvaluatedRows rows;
  rows.Add(Rows(), {0, 2});
  if (pieces == 2) rows.Add(Rows(), {1});
  return rows;
}

TEST(EvaluatedRowsTest, NameTheLineOfALossThatIsNotFinite) {
  const absl::Status error = ServerError("row 0: loss would be inf", "NON_FINITE_ANSWER",
                                         {{"answer", "loss"}, {"row", "0"}, {"rows_before", "2"}});
  EXPECT_THAT(Message(AtItsPlace(error, Evaluated(2), "m")),
              StartsWith("rows.csv:3: the loss is not a finite number"));
}

TEST(EvaluatedRowsTest, NameTheLineAndColumnOfABadValue) {
  const std::map<std::string, std::string> facts = {
      {"field", "batch.inputs"}, {"row", "1"}, {"column", "3"}, {"rows_before", "0"}};
  const absl::Status error =
      ServerError("batch.inputs: expected finite float32 values, got 5 at row 1, column 3",
                  "NON_FINITE_VALUE", facts);
  EXPECT_EQ(Message(AtItsPlace(error, Evaluated(2), "m")),
            "rows.csv:7:3: c: expected finite float32 values, got 5");
}

TEST(EvaluatedRowsTest, NeedNotBeToldWhatCameBeforeTheOnlyPiece) {
  const absl::Status error =
      ServerError("batch.targets: row 1: expected a class, got 12", "INVALID_FIELD",
                  {{"field", "batch.targets"}, {"row", "1"}});
  EXPECT_EQ(Message(AtItsPlace(error, Evaluated(1), "m")),
            "rows.csv:7:2: y: expected a class, got 12");
  // Of one of several the line is not known, but the file and the column are.
  EXPECT_EQ(Message(AtItsPlace(error, Evaluated(2), "m")), "rows.csv: y: expected a class, got 12");
}

}  // namespace
}  // namespace descent::cli
