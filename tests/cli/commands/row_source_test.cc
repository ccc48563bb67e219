#include "client/cli/commands/row_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/inputs_of.h"
#include "tests/cli/message.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using testing::ElementsAre;

// Of a file "a,y,c" with the target y.
Encoding Example() {
  Encoding encoding;
  encoding.fields = 3;
  encoding.inputs = {{"a", 0, NumberEncoding{{10, 2}, 12}}, {"c", 2, CategoryEncoding{{"u", "v"}}}};
  encoding.target = {"y", 1, Standardization{0, 1}};
  return encoding;
}

TEST(RowSourceTest, ReadsAFilePieceByPiece) {
  const TemporaryFile file("c,a\nu,14\nv,\nw,10\n");
  RowOptions options;
  options.csv = file.path();
  const Encoding encoding = Example();
  RowSource source = RowSource::Open(options, encoding, {}, /*with_target=*/false).value();
  EXPECT_THAT(InputsOf(*source.Read(2)), ElementsAre(2, 1, 0, 1, 0, 1));
  EXPECT_THAT(InputsOf(*source.Read(2)), ElementsAre(0, 0, 0));
  EXPECT_EQ(source.Read(2)->rows, 0);
  EXPECT_EQ(source.unknown().cells, 1);
}

TEST(RowSourceTest, ReadsRowsFromTheCommandLine) {
  RowOptions options;
  options.rows = {"14, u", "8,\"v\""};
  const Encoding encoding = Example();
  RowSource source = RowSource::Open(options, encoding, {}, /*with_target=*/false).value();
  EXPECT_THAT(InputsOf(*source.Read(10)), ElementsAre(2, 1, 0, -1, 0, 1));
}

TEST(RowSourceTest, KeepsColumnsAsTheyAre) {
  const TemporaryFile file("id,c,a\n007,u,14\n\"x, y\",v,\n");
  RowOptions options;
  options.csv = file.path();
  options.keep = {"id", "3"};
  const Encoding encoding = Example();
  RowSource source = RowSource::Open(options, encoding, {}, /*with_target=*/false).value();
  EXPECT_THAT(source.kept(), ElementsAre("id", "a"));
  EXPECT_THAT(source.Read(10)->kept,
              ElementsAre(ElementsAre("007", "x, y"), ElementsAre("14", "")));
  options.keep = {"name"};
  EXPECT_THAT(Message(RowSource::Open(options, encoding, {}, false).status()),
              testing::HasSubstr("--keep: no column is called \"name\""));
}

TEST(RowSourceTest, ReadsTargetsToo) {
  RowOptions options;
  options.rows = {"14,7,u"};
  const Encoding encoding = Example();
  RowSource source = RowSource::Open(options, encoding, {}, /*with_target=*/true).value();
  EXPECT_THAT(source.Read(10)->targets, ElementsAre(7));
}

TEST(RowSourceTest, NamesABadCell) {
  RowOptions options;
  options.rows = {"14,u", "x,u"};
  const Encoding encoding = Example();
  RowSource source = RowSource::Open(options, encoding, {}, /*with_target=*/false).value();
  EXPECT_EQ(Message(source.Read(10).status()),
            "--row:2:1: a holds numbers, and \"x\" is not a finite number");
}

}  // namespace
}  // namespace descent::cli
