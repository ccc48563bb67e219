#include "client/cli/encoding/training_notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace descent::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

Column Numbers(const std::string& name, std::vector<double> numbers) {
  return {{name, ColumnKind::kNumber, 0}, std::move(numbers), {}, {}};
}

std::vector<std::string> NotesOf(const std::vector<Column>& inputs, const Column& target,
                                 const Encoding& encoding = {}) {
  Table table;
  table.lines = {2, 3};
  table.inputs = inputs;
  table.target = target;
  std::vector<std::string> notes;
  AddNotes(table, {0, 1}, encoding, &notes);
  return notes;
}

TEST(TrainingNotesTest, SaysNothingOfGoodData) {
  EXPECT_THAT(NotesOf({Numbers("x", {1, 2})}, Numbers("y", {3, 4})), IsEmpty());
}

TEST(TrainingNotesTest, SaysThatATargetIsConstant) {
  EXPECT_THAT(
      NotesOf({Numbers("x", {1, 2})}, Numbers("y", {3, 3})),
      ElementsAre("the target y is 3 in every row to learn from: there is nothing to learn"));
}

TEST(TrainingNotesTest, NamesConstantColumns) {
  EXPECT_THAT(NotesOf({Numbers("x", {1, 1})}, Numbers("y", {3, 4})),
              ElementsAre("column x holds one value only, and nothing is learnt from it"));
  std::vector<Column> many;
  for (int i = 0; i < 900; ++i) many.push_back(Numbers(absl::StrCat("x", i), {0, 0}));
  EXPECT_THAT(NotesOf(many, Numbers("y", {3, 4})),
              ElementsAre("columns x0, x1, x2, x3, x4, ... (900) hold one value only, and nothing "
                          "is learnt from them"));
}

TEST(TrainingNotesTest, NamesWholeNumbersThatAreNotToldApart) {
  EXPECT_THAT(NotesOf({Numbers("id", {1, 1e17})}, Numbers("y", {3, 4})),
              ElementsAre(StartsWith("column id holds whole numbers above 9,007,199,254,740,992")));
}

TEST(TrainingNotesTest, NamesColumnsThatMakeManyInputs) {
  Encoding encoding;
  CategoryEncoding texts;
  for (int i = 0; i < 900; ++i) texts.categories.push_back(absl::StrCat("t", i));
  encoding.inputs = {{"x", 0, NumberEncoding{}}, {"city", 1, texts}};
  EXPECT_THAT(
      NotesOf({}, Numbers("y", {3, 4}), encoding),
      ElementsAre("column city makes 900 of the 901 inputs, one for each of its texts; "
                  "--embed city makes it one categorical input, --ignore city leaves it out"));
}

TEST(TrainingNotesTest, TellsOfColumnsThatAreEmbedded) {
  Encoding encoding;
  encoding.inputs = {{"Shop", 0, EmbeddedEncoding{"shop", 8, 1024}}};
  const Column shops = {{"Shop", ColumnKind::kCategory, 0}, {}, {0, 1, 2}, {"a", "b", "c"}};
  const std::string told =
      "column Shop is one categorical input: its 2 categories become vectors of 8 numbers, and "
      "share 1,024 rows of a table with those to come";
  EXPECT_THAT(NotesOf({shops}, Numbers("y", {3, 4}), encoding), ElementsAre(told));
  encoding.inputs[0].values = EmbeddedEncoding{"shop", 8, 3};
  EXPECT_THAT(NotesOf({shops}, Numbers("y", {3, 4}), encoding),
              ElementsAre(StartsWith("column Shop is one categorical input"),
                          "the table of Shop has so few rows for its categories that many share "
                          "one; --embed Shop:8:1024 has room"));
}

}  // namespace
}  // namespace descent::cli
