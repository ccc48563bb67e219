// The same rows in every format that is read, through the program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/base/config.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/cli/command.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using ::testing::HasSubstr;

constexpr char kQuick[] = " --epochs 2 --layers 4 --target y";

class FormatsCommandTest : public CommandTest {
 protected:
  // The hash of what a model has become by training on a file.
  static std::string HashAfter(const std::string& name, const std::string& command) {
    const Result result = Shell(command);
    EXPECT_EQ(result.code, 0) << command << "\n" << result.err;
    return RunJson({"get", name})["state_hash"].get<std::string>();
  }

  static std::string HashOf(const std::string& name, const std::string& path) {
    return HashAfter(name, absl::StrCat("descent train ", name, " --csv ", path, kQuick));
  }
};

std::string Zstd(const std::string& text) {
  std::string bytes(ZSTD_compressBound(text.size()), '\0');
  bytes.resize(ZSTD_compress(bytes.data(), bytes.size(), text.data(), text.size(), 3));
  return bytes;
}

// Rows with numbers, texts, dates and missing cells, as CSV and as JSON lines.
struct Rows60 {
  std::string csv = "a,color,day,y\n";
  std::string lines;

  Rows60() {
    const std::vector<std::string> colors = {"red", "green", "\"blue, dark\""};
    const std::vector<std::string> json_colors = {"\"red\"", "\"green\"", "\"blue, dark\""};
    for (int i = 0; i < 60; ++i) {
      const bool no_number = i % 11 == 3;
      const bool no_color = i % 13 == 5;
      const std::string number = absl::StrCat(i * 0.37 - 5);
      const std::string day = absl::StrCat("2024-0", 1 + i % 9, "-1", i % 10);
      const std::string y = absl::StrCat(i * 2.5 + i % 7);
      absl::StrAppend(&csv, no_number ? "" : number, ",", no_color ? "" : colors[i % 3], ",", day,
                      ",", y, "\n");
      // What is missing is null in some lines, and not there in others.
      const std::string color = no_color ? "null" : json_colors[i % 3];
      absl::StrAppend(&lines, "{", no_number ? "" : absl::StrCat("\"a\": ", number, ", "),
                      "\"color\": ", color, ", \"day\": \"", day, "\", \"y\": ", y, "}\n");
    }
  }
};

TEST_F(FormatsCommandTest, JsonLinesAndCsvOfTheSameRowsMakeTheSameModelToTheBit) {
  const Rows60 rows;
  const TemporaryFile csv(rows.csv);
  const TemporaryFile lines(rows.lines);
  const TemporaryFile zstd(Zstd(rows.lines));
  const TemporaryFile zstd_csv(Zstd(rows.csv));
  const std::string hash = HashOf("same-csv", csv.path());
  EXPECT_EQ(HashOf("same-jsonl", lines.path()), hash);
  EXPECT_EQ(HashOf("same-zstd", zstd.path()), hash);
  EXPECT_EQ(HashOf("same-zstd-csv", zstd_csv.path()), hash);
  int number = 0;
  for (const std::string& pipe :
       {absl::StrCat("cat ", lines.path()), absl::StrCat("gzip -c ", lines.path()),
        absl::StrCat("cat ", zstd.path())}) {
    const std::string name = absl::StrCat("same-pipe-", number++);
    EXPECT_EQ(HashAfter(name, absl::StrCat(pipe, " | descent train ", name, " --csv -", kQuick)),
              hash)
        << pipe;
  }
  // What was learnt from one format predicts rows of the other, and goes on learning from them.
  const Result predicted = Run({"predict", "same-csv", "--csv", csv.path()});
  EXPECT_EQ(predicted.code, 0) << predicted.err;
  EXPECT_EQ(Run({"predict", "same-csv", "--csv", lines.path()}).out, predicted.out);
  EXPECT_EQ(Run({"predict", "same-jsonl", "--csv", csv.path()}).out, predicted.out);
  EXPECT_EQ(RunJson({"evaluate", "same-csv", "--csv", lines.path()})["loss"],
            RunJson({"evaluate", "same-csv", "--csv", csv.path()})["loss"]);
  EXPECT_EQ(HashOf("same-csv", lines.path()), HashOf("same-jsonl", csv.path()));
}

// What NumPy itself writes, in its directory.
TEST_F(FormatsCommandTest, NumPysFilesMakeTheSameModelToTheBitAsCsv) {
  const TemporaryFile place("");
  const std::string dir = place.path() + ".d";
  const TemporaryFile script(R"(
import sys
import numpy as np

rng = np.random.default_rng(5)
x = np.round(rng.normal(size=(60, 3)) * 100, 3)
x[7, 1] = np.nan
y = x[:, 0] * 2 - x[:, 2]
rows = np.column_stack([x, y])
d = sys.argv[1] + "/"
np.savetxt(d + "rows.csv", rows, delimiter=",", fmt="%.17g")
np.save(d + "c.npy", rows)
np.save(d + "fortran.npy", np.asfortranarray(rows))
np.save(d + "big.npy", rows.astype(">f8"))
for version in [(1, 0), (2, 0), (3, 0)]:
    with open(d + f"version{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, rows, version=version)
names = np.dtype([("a", "f8"), ("b", "f8"), ("c", "f8"), ("y", "f8")], align=True)
np.save(d + "records.npy", np.array([tuple(row) for row in rows], names))
np.savez(d + "xy.npz", y=y, x=x)
np.savez_compressed(d + "packed.npz", x=np.asfortranarray(x), y=y)
np.savez(d + "columns.npz", a=x[:, 0], b=x[:, 1], c=x[:, 2], y=y)
np.savetxt(d + "small.csv", np.round(rows).astype(int)[8:], delimiter=",", fmt="%d")
for kind in ["i2", "i4", "i8", ">i4", "f4", ">f4", "f2"]:
    np.save(d + "small-" + kind.replace(">", "big-") + ".npy", np.round(rows)[8:].astype(kind))
)");
  const Result written =
      Shell(absl::StrCat("mkdir ", dir, " && /usr/bin/python3 ", script.path(), " ", dir));
  ASSERT_EQ(written.code, 0) << written.err;
  constexpr char kLast[] = " --epochs 2 --layers 4";
  const auto hash_of = [&](const std::string& name, const std::string& file) {
    return HashAfter(name, absl::StrCat("descent train ", name, " --csv ", dir, "/", file, kLast));
  };
  const std::string hash = hash_of("numpy-csv", "rows.csv");
  for (const char* file : {"c.npy", "fortran.npy", "big.npy", "version1.npy", "version2.npy",
                           "version3.npy", "records.npy", "xy.npz", "packed.npz", "columns.npz"}) {
    const std::string name = absl::StrCat("numpy-", file);
    EXPECT_EQ(hash_of(name, file), hash) << file;
    for (const char* pipe : {"cat", "gzip -c"}) {
      const std::string piped = absl::StrCat(name, ".", std::string(pipe, 1));
      EXPECT_EQ(HashAfter(piped, absl::StrCat(pipe, " ", dir, "/", file, " | descent train ", piped,
                                              " --csv -", kLast)),
                hash)
          << pipe << " " << file;
    }
    // Each reads what the other does, by places or by names.
    const std::string predicted =
        Shell(absl::StrCat("descent predict ", name, " --csv ", dir, "/", file)).out;
    EXPECT_THAT(predicted, HasSubstr("\n"));
    EXPECT_EQ(
        Shell(absl::StrCat("descent predict numpy-csv --csv ", dir, "/c.npy | tail -n +2")).out,
        Shell(absl::StrCat("descent predict ", name, " --csv ", dir, "/", file, " | tail -n +2"))
            .out)
        << file;
  }
  const std::string small = hash_of("numpy-small", "small.csv");
  for (const char* kind : {"i2", "i4", "i8", "big-i4", "f4", "big-f4", "f2"}) {
    const std::string name = absl::StrCat("small-", kind);
    EXPECT_EQ(hash_of(name, name + ".npy"), small) << kind;
  }
  Shell("rm -rf " + dir);
}

// Rows are 20 MB as an array; whatever they are read from, they stream as CSV does.
TEST_F(FormatsCommandTest, NoFormatHoldsMoreThanCsvDoes) {
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
  GTEST_SKIP() << "what was freed is kept for a while";
#endif
  const TemporaryFile place("");
  const std::string dir = place.path() + ".d";
  const TemporaryFile few("1,2,3\n4,5,7\n2,9,1\n3,3,3\n8,1,2\n");
  ASSERT_EQ(
      Run({"train", "much", "--csv", few.path(), "--epochs", "1", "--layers", "2", "--no-header"})
          .code,
      0);
  const TemporaryFile script(R"(
import gzip, json, resource, subprocess, sys
import numpy as np

d, descent, address = sys.argv[1] + "/", sys.argv[2], sys.argv[3]
x = np.zeros((1_300_000, 2)) + np.arange(1_300_000)[:, None] % 10
np.savetxt(d + "a.csv", x, delimiter=",", fmt="%d")
with open(d + "c.jsonl", "w") as file:
    for a, b in x.astype(int).tolist():
        file.write('{"1": %d, "2": %d}\n' % (a, b))
np.save(d + "b.npy", x)
np.save(d + "fortran.npy", np.asfortranarray(x))
np.savez_compressed(d + "x.npz", x=x)
np.savez(d + "y.npz", a=x[:, 0], b=x[:, 1])
for name in ["fortran.npy", "x.npz"]:
    with open(d + name, "rb") as file, gzip.open(d + name + ".gz", "wb", 1) as packed:
        packed.write(file.read())
kilobytes = []
for name in ["a.csv", "c.jsonl", "b.npy", "fortran.npy", "x.npz", "y.npz", "fortran.npy.gz", "x.npz.gz"]:
    # The largest of all children until now, so CSV comes first.
    subprocess.run([descent, "predict", "much", "--csv", d + name, "--server", address, "--output", d + "out.npy"],
                   check=True, stdout=subprocess.DEVNULL)
    kilobytes.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    assert np.load(d + "out.npy").shape == (1_300_000,), name
# By columns 8 MiB are read at a time, and a block of one of them.
assert kilobytes[-1] < kilobytes[0] + 13_000, kilobytes
)");
  const Result result = Shell(absl::StrCat("mkdir ", dir, " && /usr/bin/python3 ", script.path(),
                                           " ", dir, " \"$(command -v descent)\" ", address()));
  EXPECT_EQ(result.code, 0) << result.err;
  Shell("rm -rf " + dir);
}

TEST_F(FormatsCommandTest, AKeyThatNoRowHasIsSaidAndRowsWithNoneAreRefused) {
  const TemporaryFile file("a,b,y\n1,2,3\n4,5,6\n7,8,9\n2,2,4\n5,1,7\n");
  ASSERT_EQ(Run({"train", "keys", "--csv", file.path(), "--epochs", "1"}).code, 0);
  const TemporaryFile without("{\"a\": 1}\n{\"a\": 2, \"other\": [1]}\n");
  const Result nested = Run({"predict", "keys", "--csv", without.path()});
  EXPECT_EQ(nested.code, 65);
  EXPECT_THAT(nested.err, HasSubstr(":2: \"other\" is an array"));
  const TemporaryFile one("{\"a\": 1}\n{\"a\": 2, \"other\": 1}\n");
  const Result said = Run({"predict", "keys", "--csv", one.path()});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_THAT(said.err, HasSubstr("no row says b: taken for missing in all of them"));
  const TemporaryFile none("{\"A\": 1, \"B\": 2}\n");
  const Result refused = Run({"predict", "keys", "--csv", none.path()});
  EXPECT_EQ(refused.code, 65);
  EXPECT_THAT(refused.err,
              HasSubstr("none of its keys is a column that the model was trained with"));
}

std::string FileText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string Unpacked(const std::string& zstd) {
  std::string text(1 << 20, '\0');
  text.resize(ZSTD_decompress(text.data(), text.size(), zstd.data(), zstd.size()));
  return text;
}

TEST_F(FormatsCommandTest, PredictionsAreWrittenInEveryFormat) {
  const Rows60 rows;
  const TemporaryFile csv(rows.csv);
  ASSERT_EQ(Shell(absl::StrCat("descent train number --csv ", csv.path(), kQuick)).code, 0);
  ASSERT_EQ(Shell(absl::StrCat("descent train color --csv ", csv.path(),
                               " --epochs 2 --target color --missing ''"))
                .code,
            0);
  const std::string base = csv.path() + ".out";
  for (const std::string name : {"number", "color"}) {
    const auto into = [&](const std::string& ending, const std::string& more = "") {
      const Result result = Shell(absl::StrCat("descent predict ", name, " --csv ", csv.path(),
                                               " --output ", base, ending, more));
      EXPECT_EQ(result.code, 0) << result.err;
      EXPECT_EQ(result.out, absl::StrCat("60 predictions in ", base, ending, "\n"));
      return FileText(base + ending);
    };
    const std::string expected = Run({"predict", name, "--csv", csv.path()}).out;
    EXPECT_EQ(into(".csv"), expected);
    EXPECT_EQ(into(".txt", " --output-format csv"), expected);
    EXPECT_EQ(Unpacked(into(".csv.zst")), expected);
    into(".csv.gz");
    EXPECT_EQ(Shell("gzip -dc " + base + ".csv.gz").out, expected);
    std::string tabs = into(".tsv");
    EXPECT_EQ(Run({"predict", name, "--csv", csv.path(), "--output-format", "tsv"}).out, tabs);
    EXPECT_EQ(std::count(tabs.begin(), tabs.end(), '\t'), name == "number" ? 0 : 61 * 3);
    // The array and the lines have the same numbers in full, which CSV has rounded.
    into(".jsonl");
    into(".npy");
    const TemporaryFile script(R"(
import csv, json, sys
import numpy as np
base = sys.argv[1]
array = np.load(base + ".npy")
lines = [json.loads(line) for line in open(base + ".jsonl")]
table = list(csv.DictReader(open(base + ".csv")))
assert array.shape == (60,) and len(lines) == len(table) == 60, array.shape
for item, line, row in zip(array, lines, table):
    assert list(line) == list(row), (line, row)
    cells = list(item) if array.dtype.names else [item]
    assert cells == list(line.values()), (cells, line)
    for value, text in zip(line.values(), row.values()):
        assert value == text if isinstance(value, str) else abs(value - float(text)) < 1e-6 * (1 + abs(value))
if array.dtype.names:
    assert list(array.dtype.names) == list(table[0]), array.dtype
)");
    const Result checked = Shell(absl::StrCat("/usr/bin/python3 ", script.path(), " ", base));
    EXPECT_EQ(checked.code, 0) << checked.err;
  }
  // What is kept comes along in texts.
  const Result kept = Run({"predict", "number", "--csv", csv.path(), "--keep", "color", "--keep",
                           "y", "--output-format", "jsonl"});
  const Json first = Json::parse(kept.Lines().front());
  EXPECT_EQ(first["color"], "red");
  EXPECT_EQ(first["y"], "0");
  EXPECT_TRUE(first["predicted y"].is_number());
  Shell("rm -f " + base + ".*");
}

TEST_F(FormatsCommandTest, AnOutputFileHasAllRowsOrIsNotThere) {
  const TemporaryFile csv("a,y\n1,2.5\n2,3\n3,5\n4,6.5\n5,8\n");
  ASSERT_EQ(Run({"train", "whole", "--csv", csv.path(), "--epochs", "1"}).code, 0);
  const TemporaryFile bad("a\n1\n2\nx\n");
  const std::string out = csv.path() + ".csv";
  const Result result = Run({"predict", "whole", "--csv", bad.path(), "--output", out});
  EXPECT_EQ(result.code, 65);
  EXPECT_EQ(Shell("ls " + out + "*").out, "");
  EXPECT_EQ(RunJson({"predict", "whole", "--csv", csv.path(), "--output", out, "--json"})["rows"],
            5);
  const std::string before = FileText(out);
  EXPECT_EQ(Run({"predict", "whole", "--csv", bad.path(), "--output", out}).code, 65);
  EXPECT_EQ(FileText(out), before);
  EXPECT_EQ(Shell("ls " + out + "*").out, out + "\n");
  Shell("rm -f " + out);
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--output", "/tmp/x.parquet"},
                                             {"--output", "/tmp/x.npy.gz"},
                                             {"--output", "/tmp/x.npy", "--keep", "a"},
                                             {"--output", "/dev/null", "--output-format", "npy"},
                                             {"--output-format", "npy"},
                                             {"--output-format", "csv", "--json"}}) {
    std::vector<std::string> arguments = {"predict", "whole", "--csv", csv.path()};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(Run(arguments).code, 64) << absl::StrJoin(wrong, " ");
  }
  EXPECT_EQ(Run({"predict", "whole", "--csv", csv.path(), "--output", "/no/such/x.csv"}).code, 74);
  EXPECT_EQ(
      Shell("descent predict whole --csv " + csv.path() + " --output /dev/full --output-format csv")
          .code,
      74);
}

TEST_F(FormatsCommandTest, FormatsAreSaidByNameAndOptionsOfCsvGoWithCsv) {
  const TemporaryFile lines("{\"a\": 1, \"y\": 2}\n{\"a\": 2, \"y\": 3}\n{\"a\": 4, \"y\": 4}\n");
  const Result delimiter =
      Run({"train", "said", "--csv", lines.path(), "--delimiter", ";", "--epochs", "1"});
  EXPECT_EQ(delimiter.code, 64);
  EXPECT_THAT(delimiter.err, HasSubstr("--delimiter goes with CSV alone"));
  EXPECT_THAT(delimiter.err, HasSubstr("is in JSON lines"));
  const Result csv = Run({"train", "said", "--csv", lines.path(), "--format", "csv"});
  EXPECT_EQ(csv.code, 65) << csv.err;
  const Result unknown = Run({"train", "said", "--csv", lines.path(), "--format", "parquet"});
  EXPECT_EQ(unknown.code, 64);
  EXPECT_EQ(
      Run({"train", "said", "--csv", lines.path(), "--format", "jsonl", "--epochs", "1"}).code, 0);
}

TEST_F(FormatsCommandTest, WhatIsNotReadIsNamedWithWhatTurnsItIntoCsv) {
  const TemporaryFile parquet("PAR1" + std::string(100, '\1') + "PAR1");
  const Result result = Run({"train", "parquet", "--csv", parquet.path()});
  EXPECT_EQ(result.code, 65);
  EXPECT_THAT(result.err, HasSubstr("the file is a Parquet file, which is not read: "));
  EXPECT_THAT(result.err, HasSubstr("pandas.read_parquet('FILE').to_csv("));
}

}  // namespace
}  // namespace descent::cli
