#include "client/cli/arrays/array_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <minizip/zip.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "tests/cli/message.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Cells = std::vector<std::vector<std::string>>;

struct Array {
  std::vector<std::string> columns;
  Cells rows;
  bool has_names = false;
};

absl::StatusOr<Array> Read(const std::string& bytes) {
  const TemporaryFile file(bytes);
  absl::StatusOr<std::unique_ptr<TextSource>> source = TextSource::Open(file.path(), "");
  if (!source.ok()) return source.status();
  const bool npz = (*source)->format() == FileFormat::kNpz;
  auto reader =
      npz ? ArrayReader::BeginNpz(*std::move(source)) : ArrayReader::BeginNpy(*std::move(source));
  if (!reader.ok()) return reader.status();
  Array array{(*reader)->columns(), {}, (*reader)->has_names()};
  Record record;
  while (true) {
    const absl::StatusOr<bool> any = (*reader)->Next(&record);
    if (!any.ok()) return any.status();
    if (!*any) return array;
    array.rows.push_back(record.fields);
    EXPECT_EQ(record.line, static_cast<int64_t>(array.rows.size()));
  }
}

std::string ProblemOf(const std::string& bytes) {
  const absl::Status status = Read(bytes).status();
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kBadData) << status;
  return Message(status);
}

std::string HeaderOf(const std::string& descr, bool fortran, const std::string& shape) {
  return absl::StrCat("{'descr': ", descr, ", 'fortran_order': ", fortran ? "True" : "False",
                      ", 'shape': ", shape, ", }");
}

std::string WithHeader(std::string header, const std::string& data, int version = 1) {
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
    bytes += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  }
  return bytes + header + data;
}

template <typename Number>
std::string BytesOf(const std::vector<Number>& numbers, bool swapped) {
  std::string bytes;
  for (const Number number : numbers) {
    std::string one(sizeof(number), '\0');
    std::memcpy(one.data(), &number, sizeof(number));
    if (swapped) std::reverse(one.begin(), one.end());
    bytes += one;
  }
  return bytes;
}

template <typename Number>
std::string Npy(const std::string& type, const std::string& shape,
                const std::vector<Number>& numbers, bool fortran = false) {
  return WithHeader(HeaderOf("'" + type + "'", fortran, shape),
                    BytesOf(numbers, type.front() == '>'));
}

struct Member {
  std::string name;
  std::string bytes;
};

// An archive of the members, deflated or as they are.
std::string Npz(const std::vector<Member>& members, bool deflated) {
  const TemporaryFile file("");
  zipFile zip = zipOpen64(file.path().c_str(), APPEND_STATUS_CREATE);
  for (const Member& member : members) {
    const zip_fileinfo info = {};
    EXPECT_EQ(zipOpenNewFileInZip64(zip, member.name.c_str(), &info, nullptr, 0, nullptr, 0,
                                    nullptr, deflated ? Z_DEFLATED : 0, 6, 1),
              ZIP_OK);
    EXPECT_EQ(
        zipWriteInFileInZip(zip, member.bytes.data(), static_cast<unsigned>(member.bytes.size())),
        ZIP_OK);
    EXPECT_EQ(zipCloseFileInZip(zip), ZIP_OK);
  }
  EXPECT_EQ(zipClose(zip, nullptr), ZIP_OK);
  std::ifstream stream(file.path(), std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(ArrayReaderTest, ReadsRowsAndColumnsInBothOrdersAndByteOrders) {
  const std::vector<double> rows = {1, 2.5, -3, 1e300, 0.1, -0.0};
  const std::vector<double> columns = {1, -3, 0.1, 2.5, 1e300, -0.0};
  for (const char* type : {"<f8", ">f8"}) {
    for (const bool fortran : {false, true}) {
      const Array array = Read(Npy(type, "(3, 2)", fortran ? columns : rows, fortran)).value();
      EXPECT_THAT(array.columns, ElementsAre("1", "2"));
      EXPECT_FALSE(array.has_names);
      EXPECT_EQ(array.rows, (Cells{{"1", "2.5"}, {"-3", "1e+300"}, {"0.1", "-0"}})) << type;
    }
  }
  EXPECT_EQ(Read(Npy<double>("<f8", "(2,)", {1, 2}, true)).value().rows, (Cells{{"1"}, {"2"}}));
}

TEST(ArrayReaderTest, ReadsEveryKindOfNumberToTheBit) {
  using Limits = std::numeric_limits<double>;
  const auto cells = [](const std::string& bytes) {
    std::vector<std::string> column;
    const Array array = Read(bytes).value();
    for (const auto& row : array.rows) column.push_back(row.front());
    return column;
  };
  EXPECT_THAT(cells(Npy<double>("<f8", "(5,)",
                                {Limits::min(), Limits::denorm_min(), Limits::quiet_NaN(),
                                 -Limits::infinity(), 9007199254740993.0})),
              ElementsAre("2.2250738585072014e-308", "5e-324", "", "-inf", "9007199254740992"));
  // A float32 is the float64 that it is, not the shortest that is read back as a float32.
  EXPECT_THAT(cells(Npy<float>(">f4", "(2,)", {0.1F, 2})), ElementsAre("0.10000000149011612", "2"));
  EXPECT_THAT(
      cells(Npy<uint16_t>("<f2", "(7,)", {0x3C00, 0xC000, 0x0001, 0x7BFF, 0xFC00, 0x7E00, 0x3555})),
      ElementsAre("1", "-2", "5.960464477539063e-08", "65504", "-inf", "", "0.333251953125"));
  EXPECT_THAT(cells(Npy<int8_t>("|i1", "(2,)", {-128, 127})), ElementsAre("-128", "127"));
  EXPECT_THAT(cells(Npy<int16_t>(">i2", "(2,)", {-32768, 258})), ElementsAre("-32768", "258"));
  EXPECT_THAT(cells(Npy<int32_t>("<i4", "(1,)", {-2147483647})), ElementsAre("-2147483647"));
  EXPECT_THAT(cells(Npy<int64_t>(">i8", "(1,)", {-9007199254740993})),
              ElementsAre("-9007199254740993"));
  EXPECT_THAT(cells(Npy<uint8_t>("|u1", "(1,)", {255})), ElementsAre("255"));
  EXPECT_THAT(cells(Npy<uint16_t>("<u2", "(1,)", {65535})), ElementsAre("65535"));
  EXPECT_THAT(cells(Npy<uint32_t>(">u4", "(1,)", {4294967295})), ElementsAre("4294967295"));
  EXPECT_THAT(cells(Npy<uint64_t>("<u8", "(1,)", {~uint64_t{0}})),
              ElementsAre("18446744073709551615"));
  EXPECT_THAT(cells(Npy<uint8_t>("|b1", "(2,)", {0, 1})), ElementsAre("0", "1"));
}

TEST(ArrayReaderTest, ReadsRecordsByTheNamesOfTheirFields) {
  const std::string item("\x01\x02\0\0\0\0\0\0\x04\x40red\0\0", 15);
  const std::string descr = "[('a', '|u1'), ('', '|V1'), ('b', '<f8'), ('c \\'x\\'', '|S5')]";
  const Array array = Read(WithHeader(HeaderOf(descr, false, "(1,)"), item)).value();
  EXPECT_TRUE(array.has_names);
  EXPECT_THAT(array.columns, ElementsAre("a", "b", "c 'x'"));
  EXPECT_EQ(array.rows, (Cells{{"1", "2.5", "red"}}));
}

TEST(ArrayReaderTest, ReadsTextsAndVersions) {
  const std::string text("\xE9\0\0\0\x0A\xF6\x01\0\0\0\0\0", 12);
  EXPECT_EQ(Read(WithHeader(HeaderOf("'<U3'", false, "(1,)"), text)).value().rows,
            (Cells{{"\xC3\xA9\xF0\x9F\x98\x8A"}}));
  for (const int version : {1, 2, 3}) {
    const std::string name = version == 3 ? "\xC3\xA9" : "\xE9";
    const Array array =
        Read(WithHeader(HeaderOf("[('" + name + "', '|i1')]", false, "(1,)"), "\x07", version))
            .value();
    EXPECT_THAT(array.columns, ElementsAre("\xC3\xA9"));
    EXPECT_EQ(array.rows, (Cells{{"7"}}));
  }
}

// More rows and columns than are held at a time.
TEST(ArrayReaderTest, LargeArraysAreReadInBlocks) {
  constexpr int kRows = 350'000;
  constexpr int kColumns = 7;
  std::vector<float> columns(static_cast<size_t>(kRows) * kColumns);
  for (size_t i = 0; i < columns.size(); ++i) columns[i] = static_cast<float>(i);
  const std::string shape = absl::StrCat("(", kRows, ", ", kColumns, ")");
  const Array array = Read(Npy("<f4", shape, columns, true)).value();
  ASSERT_EQ(array.rows.size(), static_cast<size_t>(kRows));
  for (const int row : {0, 1, 65536, 299'592, 299'593, kRows - 1}) {
    for (int c = 0; c < kColumns; ++c) {
      EXPECT_EQ(array.rows[row][c], absl::StrCat(c * kRows + row));
    }
  }
}

TEST(ArrayReaderTest, WhatIsCutShortOrTooLongIsSaidWithItsRow) {
  const std::string whole = Npy<double>("<f8", "(3, 2)", {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(ProblemOf(whole.substr(0, whole.size() - 9)), HasSubstr("cut short in row 3 of 3"));
  EXPECT_THAT(ProblemOf(whole + "x"), HasSubstr("something follows the NumPy array"));
  const std::string fortran = Npy<double>("<f8", "(3, 2)", {1, 2, 3, 4, 5, 6}, true);
  EXPECT_THAT(ProblemOf(fortran.substr(0, fortran.size() - 1)),
              HasSubstr("cut short in column 2 of 2"));
  EXPECT_THAT(ProblemOf(fortran + "x"), HasSubstr("something follows the NumPy array"));
  for (size_t size = 6; size < whole.size() - 48; ++size) {
    EXPECT_THAT(ProblemOf(whole.substr(0, size)), HasSubstr("cut short in its header")) << size;
  }
}

TEST(ArrayReaderTest, WhatIsNotReadIsNamed) {
  struct Case {
    const char* descr;
    const char* shape;
    const char* problem;
  };
  for (const Case& c : {
           Case{"'|O'", "(1,)", "Python objects"},
           Case{"'<c16'", "(1,)", "complex numbers"},
           Case{"'<M8[ns]'", "(1,)", "dates or durations"},
           Case{"'|V8'", "(1,)", "bytes without a type"},
           Case{"'<f16'", "(1,)", "items of the type <f16"},
           Case{"'<f3'", "(1,)", "items of the type <f3"},
           Case{"'|S0'", "(9999999999999,)", "items of the type |S0"},
           Case{"'<f8'", "()", "it has 0 dimensions"},
           Case{"'<f8'", "(1, 1, 1)", "it has 3 dimensions"},
           Case{"'<f8'", "(1, 0)", "it has no columns"},
           Case{"'<f8'", "(0,)", "the file holds no rows"},
           Case{"'<f8'", "(1, 100000000)", "longer than any should be"},
           Case{"'|S60000000'", "(1, 2)", "longer than any should be"},
           Case{"'<f8'", "(9223372036854775807,)", "its header is damaged"},
           Case{"'<f8'", "(-1,)", "its header is damaged"},
           Case{"'<f8'", "(1", "its header is damaged"},
           Case{"7", "(1,)", "its header is damaged"},
           Case{"''", "(1,)", "its header is damaged"},
           Case{"[]", "(1,)", "its records have no fields"},
           Case{"[('a', '<f8')]", "(1, 2)", "2 dimensions, and a table of records has one"},
           Case{"[('a', '<f8', (2,))]", "(1,)", "\"a\" holds an array in each row"},
           Case{"[('a', [('b', '<f8')])]", "(1,)", "\"a\" has fields of its own"},
           Case{"[(('t', 'a'), '<f8')]", "(1,)", "its fields have titles"},
           Case{"[('a', '|O')]", "(1,)", "\"a\" holds Python objects"},
           Case{"[('a', '|u1'), ('a', '|u1')]", "(4,)", "two of its columns are called \"a\""},
       }) {
    EXPECT_THAT(ProblemOf(WithHeader(HeaderOf(c.descr, false, c.shape), std::string(8, '\0'))),
                HasSubstr(c.problem))
        << c.descr << c.shape;
  }
  EXPECT_THAT(ProblemOf(WithHeader("{'descr': '<f8', 'descr': '<f8'}", "")),
              HasSubstr("its header is damaged"));
  EXPECT_THAT(ProblemOf(WithHeader(HeaderOf("'<f8'", false, "(1,)") + "x", "")),
              HasSubstr("its header is damaged"));
  EXPECT_THAT(ProblemOf(WithHeader(HeaderOf("'<f8'", false, "(1,)"), "", 4)),
              HasSubstr("is of version 4.0"));
  EXPECT_THAT(ProblemOf(WithHeader(HeaderOf("'<U1'", false, "(1,)"), std::string("\0\xD8\0\0", 4))),
              HasSubstr(":1:1: 1 holds a text that is not of UTF-8"));
  EXPECT_THAT(ProblemOf("\x93NUMPY\x02" + std::string("\0\xFF\xFF\xFF\x7F", 5)),
              HasSubstr("the header of the NumPy array is too long"));
}

TEST(ArrayReaderTest, ArraysOfAnArchiveStandSideBySide) {
  const std::string x = Npy<double>("<f8", "(2, 2)", {1, 2, 3, 4});
  const std::string by_columns = Npy<double>("<f8", "(2, 2)", {1, 3, 2, 4}, true);
  const std::string y = Npy<int64_t>("<i8", "(2,)", {10, 20});
  const std::string one = Npy<double>("<f8", "(2, 1)", {0.5, 0.25});
  for (const bool deflated : {false, true}) {
    for (const std::string& inputs : {x, by_columns}) {
      const Array array =
          Read(Npz({{"y.npy", y}, {"x.npy", inputs}, {"z.npy", one}}, deflated)).value();
      EXPECT_TRUE(array.has_names);
      EXPECT_THAT(array.columns, ElementsAre("x.1", "x.2", "z", "y"));
      EXPECT_EQ(array.rows, (Cells{{"1", "2", "0.5", "10"}, {"3", "4", "0.25", "20"}}));
    }
  }
}

TEST(ArrayReaderTest, ArchivesThatAreNoTableAreRefused) {
  const std::string two = Npy<double>("<f8", "(2,)", {1, 2});
  const std::string three = Npy<double>("<f8", "(3,)", {1, 2, 3});
  EXPECT_THAT(ProblemOf(Npz({{"a.npy", two}, {"b.npy", three}}, true)),
              HasSubstr(": b: the array has 3 rows, and "));
  EXPECT_THAT(ProblemOf(Npz({{"a.npy", two}, {"format.txt", "csr"}}, true)),
              HasSubstr("\"format.txt\", which is no NumPy array"));
  EXPECT_THAT(ProblemOf(Npz({{"a.npy", "PK"}}, true)), HasSubstr(": a: it is no NumPy array"));
  EXPECT_THAT(ProblemOf(Npz({}, true)), HasSubstr("it holds no arrays"));
  EXPECT_THAT(ProblemOf(Npz({{"a.npy", two}, {"a.npy", two}}, true)),
              HasSubstr("two of its columns are called \"a\""));
  EXPECT_THAT(ProblemOf(Npz(std::vector<Member>(1025, {"a.npy", two}), false)),
              HasSubstr("it holds 1,025 arrays, and at most 1024 are read"));
  EXPECT_THAT(ProblemOf(Npz({{"document.xml", "<x/>"}}, true)), HasSubstr("such as .xlsx"));
}

// Whatever is changed, it is read as it was or refused: its checksums see to that.
TEST(ArrayReaderTest, DamagedArchivesAreRefused) {
  std::vector<double> numbers(100);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = 0.1 * static_cast<double>(i);
  for (const bool deflated : {false, true}) {
    const std::string whole = Npz({{"a.npy", Npy("<f8", "(100,)", numbers)}}, deflated);
    const Cells rows = Read(whole).value().rows;
    for (size_t i = 40; i < whole.size(); i += 7) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
      const absl::StatusOr<Array> array = Read(damaged);
      if (array.ok()) {
        EXPECT_EQ(array->rows, rows) << i;
      }
      EXPECT_FALSE(Read(whole.substr(0, i)).ok()) << i;
    }
  }
}

}  // namespace
}  // namespace descent::cli
