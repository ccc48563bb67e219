#include "client/cli/text/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace descent::cli {
namespace {

using testing::ElementsAre;

TEST(SampleRecordsTest, UnderstandsQuotesAndLineEnds) {
  EXPECT_THAT(SampleRecords("a, b \r\n\n\"x,\"\"\n\",2", ','),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("x,\"", "2")));
}

TEST(SampleRecordsTest, LeavesOutARecordThatTheSampleCuts) {
  std::string sample = "a,b\n1,2\n";
  sample.resize(kSampleBytes, 'x');
  EXPECT_THAT(SampleRecords(sample, ','),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "2")));
}

TEST(GuessDelimiterTest, FindsWhatCutsEvenly) {
  EXPECT_EQ(GuessDelimiter("a,b\n1,2\n"), ',');
  EXPECT_EQ(GuessDelimiter("a;b\n1;2\n"), ';');
  EXPECT_EQ(GuessDelimiter("a\tb\n1\t2\n"), '\t');
  EXPECT_EQ(GuessDelimiter("a|b\n1|2\n"), '|');
  EXPECT_EQ(GuessDelimiter("a\n1\n2\n"), ',');
  EXPECT_EQ(GuessDelimiter(""), ',');
  EXPECT_EQ(GuessDelimiter("a;b\n-0,25;-9,71\n1,5;2,5\n"), ';');
  EXPECT_EQ(GuessDelimiter("-0,25;-9,71;3,5\n1,5;2,5;3,5\n"), ';');
  EXPECT_EQ(GuessDelimiter("name,tags\nx,a;b\ny,c;d\n"), ',');
  EXPECT_EQ(GuessDelimiter("name,note\nx,\"a;b\"\ny,\"c\"\n"), ',');
  EXPECT_EQ(GuessDelimiter("a;b;c\n1;2;3\n4;5\n"), ';');
}

TEST(GuessDelimiterTest, TakesASpaceWhereNothingElseCutsAndItCutsAllIntoNumbers) {
  EXPECT_EQ(GuessDelimiter("\"a\" \"b\"\n\"1\" 5.1 2\n\"2\" 4.9 3\n"), ' ');
  EXPECT_EQ(GuessDelimiter("a b\n1 2\n3 4\n"), ' ');
  EXPECT_EQ(GuessDelimiter("a b,c\n1 2,3\n3 4,5\n"), ',');
  EXPECT_EQ(GuessDelimiter("note\nred car\nblue car\n"), ',');
  EXPECT_EQ(GuessDelimiter("a  b\n1 2\n10  4\n"), ',');  // columns one below the other
}

bool Header(const std::string& text) { return GuessHeader(SampleRecords(text, ',')); }

TEST(GuessHeaderTest, NamesStandAboveOtherThings) {
  EXPECT_TRUE(Header("a,b\n1,2\n3,4\n"));
  EXPECT_TRUE(Header("a,b\nx,y\nz,y\n"));
  EXPECT_TRUE(Header("country,2001,2002\nx,1,2\ny,3,4\n"));
  EXPECT_TRUE(Header("country,1990,2000,2010\nx,1,2,3\ny,3,4,5\n"));
  EXPECT_TRUE(Header(",0,1,2\n0,5.5,6,7\n1,2,3,4\n"));
  EXPECT_TRUE(Header("0,1,2\n5.5,6,7\n2,3,4\n"));
  EXPECT_TRUE(Header("a,b\n"));
  EXPECT_TRUE(Header("x,1\nq,x,1\nr,x,2\n"));  // names of rows have no name
  EXPECT_TRUE(Header(""));
}

TEST(GuessHeaderTest, DataStandAboveTheirLikes) {
  EXPECT_FALSE(Header("0,0,5,13\n0,0,0,12\n"));
  EXPECT_FALSE(Header("5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.4,0.2,setosa\n"));
  EXPECT_FALSE(Header("39,State-gov,77516,Bachelors\n50,Private,83311,Bachelors\n"));
  EXPECT_FALSE(Header("p,x,s\ne,x,s\np,b,y\n"));
  EXPECT_FALSE(Header("1,1\n2,2\n"));
  EXPECT_FALSE(Header("?,3.5\n1,2.5\n"));
}

}  // namespace
}  // namespace descent::cli
