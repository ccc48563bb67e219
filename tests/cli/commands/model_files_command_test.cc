// Models to and from files on the command line.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/cli/command.h"
#include "tests/cli/temporary_file.h"
#include "tests/support/paths.h"

namespace descent::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class ModelFilesTest : public CommandTest {
 protected:
  ModelFilesTest() { std::filesystem::create_directory(directory_); }
  ~ModelFilesTest() override { std::filesystem::remove_all(directory_); }

  std::string In(const std::string& name) const { return directory_ + "/" + name; }
  static std::string Bytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  const std::string directory_ = ::testing::TempDir() + "model_files." + std::to_string(getpid());
};

TEST_F(ModelFilesTest, WhatTrainRemembersOfATableGoesAlong) {
  const TemporaryFile rows(Rows(200, /*header=*/true));
  ASSERT_EQ(Run({"train", "goes", "--csv", rows.path(), "--target=y", "--epochs=3"}).code, 0);
  const Result before = Run({"predict", "goes", "--csv", rows.path()});
  for (const char* ending : {"safetensors", "onnx"}) {
    const std::string name = std::string("goes-") + ending;
    const std::string file = In("goes." + std::string(ending));
    EXPECT_THAT(Run({"export", "goes", file}).out, HasSubstr("kB in " + file));
    EXPECT_THAT(Run({"import", file, "--name", name}).out, StartsWith(name + ": "));
    EXPECT_EQ(Run({"predict", name, "--csv", rows.path()}).out, before.out) << ending;
  }
}

TEST_F(ModelFilesTest, OutAndInAgainIsTheSameFile) {
  ASSERT_EQ(Run({"train", "same", "--generate=friedman1", "--rows=640", "--epochs=1",
                 "--layers=8x2", "--layer-norm", "--normalize"})
                .code,
            0);
  const std::string file = In("same.safetensors");
  const Json exported = RunJson({"export", "same", file, "--include-optimizer"});
  EXPECT_EQ(exported["bytes"], std::filesystem::file_size(file));
  EXPECT_EQ(RunJson({"import", file, "--name", "same-copy"})["state_hash"],
            RunJson({"get", "same"})["state_hash"]);
  ASSERT_EQ(Run({"export", "same-copy", In("copy.safetensors"), "--include-optimizer"}).code, 0);
  EXPECT_TRUE(Bytes(In("copy.safetensors")) == Bytes(file));
  // Pipes, and gzip on the way in.
  EXPECT_EQ(
      Shell("descent export same - --format safetensors --include-optimizer | cmp - " + file).code,
      0);
  const Result piped = Shell("gzip -c " + file +
                             " | descent import - --format safetensors --name same-piped --json");
  EXPECT_EQ(piped.LastJson()["state_hash"], RunJson({"get", "same"})["state_hash"]) << piped.err;
}

TEST_F(ModelFilesTest, ReplacesOnlyWhatItIsToldTo) {
  ASSERT_EQ(Run({"create", "kept", "--inputs=2"}).code, 0);
  const std::string file = In("kept.safetensors");
  std::ofstream(file) << "before";
  const Result refused = Run({"export", "kept", file});
  EXPECT_EQ(refused.code, 64);
  EXPECT_THAT(refused.err, HasSubstr("--force replaces it"));
  EXPECT_EQ(Bytes(file), "before");
  EXPECT_EQ(Run({"export", "kept", file, "--force"}).code, 0);
  EXPECT_NE(Bytes(file), "before");
  // A call that fails leaves nothing.
  EXPECT_EQ(Run({"export", "no-such-model", In("none.onnx")}).code, 1);
  EXPECT_EQ(Run({"export", "kept", In("kept.onnx"), "--include-optimizer"}).code, 1);
  EXPECT_FALSE(std::filesystem::exists(In("none.onnx")));
  EXPECT_FALSE(std::filesystem::exists(In("none.onnx.partial")));
}

TEST_F(ModelFilesTest, OptionsSayWhatTheFileDoesNot) {
  ASSERT_EQ(Run({"create", "spec", "--inputs=3", "--layers=4", "--optimizer=adam"}).code, 0);
  const std::string file = In("spec.safetensors");
  ASSERT_EQ(Run({"export", "spec", file}).code, 0);
  const Json changed = RunJson({"import", file, "--name=spec-sgd", "--optimizer=sgd:momentum=0.5",
                                "--learning-rate=0.25", "--durability=checkpoint"});
  EXPECT_EQ(changed["optimizer"]["learning_rate"], 0.25);
  EXPECT_EQ(changed["durability"], "DURABILITY_CHECKPOINT");
  EXPECT_EQ(changed["network"], RunJson({"get", "spec"})["network"]);

  const Result misses = Run({"import", file, "--name=spec-no", "--layers=4"});
  EXPECT_EQ(misses.code, 64);
  EXPECT_THAT(misses.err, HasSubstr("--inputs"));
  const Result other = Run({"import", file, "--name=spec-no", "--inputs=3", "--layers=5"});
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.err, HasSubstr("expected [5], got [4]"));
  EXPECT_EQ(Run({"import", file, "--name=spec-3", "--inputs=3", "--layers=4"}).code, 0);
}

TEST_F(ModelFilesTest, AFileOfElsewhereIsTrainedByTheUsualOptimizer) {
  const std::string file = (std::filesystem::path(descent::testing::SourceDir()) /
                            "tests/exchange/data/keras_residual.onnx")
                               .string();
  const Result imported = Run({"import", file, "--name", "keras"});
  ASSERT_EQ(imported.code, 0) << imported.err;
  EXPECT_THAT(imported.err, HasSubstr("adam with a learning rate of 0.001"));
  EXPECT_EQ(RunJson({"get", "keras"})["optimizer"]["learning_rate"], 0.001);
  const Result said = Run({"import", file, "--name", "said", "--optimizer", "sgd"});
  EXPECT_EQ(said.err, "");
  const Result piped = Shell("descent import - --format onnx --name piped < " + file);
  EXPECT_EQ(piped.code, 0) << piped.err;
  const Result pipe = Shell("cat " + file + " | descent import - --format onnx --name pipe");
  EXPECT_EQ(pipe.code, 64);
  EXPECT_THAT(pipe.err, HasSubstr("--optimizer adam"));
  // A file of PyTorch's says nothing of its network either.
  const TemporaryFile empty(std::string("\2\0\0\0\0\0\0\0{}", 10));
  const Result nothing =
      Run({"import", empty.path(), "--format", "safetensors", "--name", "nothing"});
  EXPECT_EQ(nothing.code, 64);
  EXPECT_THAT(nothing.err, HasSubstr("say --inputs N"));
}

TEST_F(ModelFilesTest, SaysWhatIsWrongWithAFile) {
  EXPECT_THAT(Run({"import", In("none.safetensors"), "--name=x"}).err,
              HasSubstr("none.safetensors"));
  std::ofstream(In("bad.bin")) << "bad";
  const Result unknown = Run({"import", In("bad.bin"), "--name=x"});
  EXPECT_EQ(unknown.code, 64);
  EXPECT_THAT(unknown.err, HasSubstr("say --format"));
  const Result no_format = Run({"import", In("bad.bin"), "--name=x", "--format=pickle"});
  EXPECT_EQ(no_format.code, 64);
  EXPECT_THAT(no_format.err, HasSubstr("expected safetensors or onnx, got \"pickle\""));
  for (const char* format : {"safetensors", "onnx"}) {
    const Result bad = Run({"import", In("bad.bin"), "--name=x", "--format", format});
    EXPECT_EQ(bad.code, 1);
    EXPECT_THAT(bad.err, HasSubstr("file: ")) << format;
    EXPECT_THAT(bad.out, IsEmpty());
  }
}

}  // namespace
}  // namespace descent::cli
