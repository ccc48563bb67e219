// The real program, over TCP.

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/messages.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/service_client.h"

namespace descent::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Descentd() { return BinaryDir() + "/bin/descentd"; }

// A run that ends by itself.
struct Invocation {
  explicit Invocation(std::vector<std::string> arguments,
                      const std::map<std::string, std::string>& environment = {}) {
    arguments.insert(arguments.begin(), Descentd());
    Process process(arguments, environment);
    code = process.Wait();
    output = process.Output();
    errors = process.ErrorOutput();
  }
  int code;
  std::string output;
  std::string errors;
};

// A server on a free port.
struct Daemon {
  explicit Daemon(const std::vector<std::string>& options = {},
                  const std::map<std::string, std::string>& environment = {})
      : process(Arguments(options), environment),
        address(process.AwaitLine("listening on ")),
        client(address) {
    EXPECT_THAT(address, ContainsRegex("^127.0.0.1:[1-9][0-9]*$")) << process.ErrorOutput();
  }
  static std::vector<std::string> Arguments(const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {Descentd(), "--listen=127.0.0.1:0", "--in-memory"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return arguments;
  }
  Process process;
  std::string address;
  ServiceClient client;
};

std::string WriteFile(const std::string& name, const std::string& contents) {
  const std::string path = ::testing::TempDir() + "/" + name;
  std::ofstream(path) << contents;
  return path;
}

// A stream that the server has begun to apply, and that it cannot have finished for a while.
TrainStream HoldWork(ServiceClient* client) {
  EXPECT_TRUE(client->Call(SlowModel("slow")).ok());
  TrainStream stream = client->Train();
  EXPECT_TRUE(stream.Write(StartOf("slow", "session")));
  for (int i = 1; i <= 20; ++i) EXPECT_TRUE(stream.Write(BatchOf(i, SlowBatch())));
  EXPECT_TRUE(stream.Read()->has_ready());
  EXPECT_EQ(stream.Read()->ack().sequence(), 1);
  return stream;
}

// The value that --print-config gives an option.
std::string Configured(const std::string& option, const std::vector<std::string>& flags,
                       const std::map<std::string, std::string>& environment) {
  std::vector<std::string> arguments = flags;
  arguments.emplace_back("--print-config");
  const Invocation run(arguments, environment);
  EXPECT_EQ(run.code, 0) << run.errors;
  std::smatch match;
  const std::regex line("(^|\n)" + option + "=([^\n]*)");
  return std::regex_search(run.output, match, line) ? match[2].str() : "none in " + run.output;
}

TEST(DescentdTest, ServesAndEndsOnSigterm) {
  Daemon daemon;
  ASSERT_TRUE(daemon.client.Call(LineModel("line")).ok());
  ASSERT_TRUE(daemon.client.Call(StepOf("line", LineBatch(8, 1))).ok());
  EXPECT_EQ(daemon.client.Call(GetOf("line"))->model().step(), 1);
  EXPECT_EQ(daemon.client.CheckHealth(""), "SERVING");
  EXPECT_EQ(daemon.client.CheckHealth("descent.v1.NetworkService"), "SERVING");
  daemon.process.Signal(SIGTERM);
  EXPECT_EQ(daemon.process.Wait(), 0) << daemon.process.ErrorOutput();
  EXPECT_EQ(daemon.process.Output(), "listening on " + daemon.address + "\n");
}

TEST(DescentdTest, EndsOnSigintToo) {
  Daemon daemon;
  daemon.process.Signal(SIGINT);
  EXPECT_EQ(daemon.process.Wait(), 0);
}

TEST(DescentdTest, ADrainFinishesWhatAnOpenStreamHasSent) {
  Daemon daemon({"--drain-timeout=120"});  // a busy machine may need longer than the default
  TrainStream stream = HoldWork(&daemon.client);
  daemon.process.Signal(SIGTERM);
  std::int64_t acknowledged = 1;
  while (const auto response = stream.Read()) {
    EXPECT_EQ(response->ack().sequence(), ++acknowledged);
    EXPECT_EQ(response->ack().step(), acknowledged);
  }
  const CallStatus status = stream.Finish();
  EXPECT_EQ(status.code, absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(status.reason, "DRAINING");
  EXPECT_EQ(daemon.process.Wait(), 0) << daemon.process.ErrorOutput();
}

TEST(DescentdTest, ADrainThatTakesTooLongIsCutShort) {
  Daemon daemon({"--drain-timeout=0.01"});
  TrainStream stream = HoldWork(&daemon.client);
  daemon.process.Signal(SIGTERM);
  EXPECT_EQ(daemon.process.Wait(), 1);
  EXPECT_THAT(daemon.process.ErrorOutput(), HasSubstr("cancelled"));
  while (stream.Read()) {
  }
  EXPECT_FALSE(stream.Finish().ok());
}

TEST(DescentdTest, ASecondSignalEndsItAtOnce) {
  Daemon daemon({"--drain-timeout=600", "--log-level=info"});
  const TrainStream stream = HoldWork(&daemon.client);
  daemon.process.Signal(SIGTERM);
  while (daemon.process.ErrorOutput().find("draining") == std::string::npos) {
  }
  daemon.process.Signal(SIGTERM);
  EXPECT_EQ(daemon.process.Wait(), -SIGTERM);
}

TEST(DescentdTest, ATakenPortIsAClearError) {
  const Daemon first;
  const Invocation second({"--in-memory", "--listen", first.address});
  EXPECT_EQ(second.code, 69);
  EXPECT_THAT(second.errors, HasSubstr("cannot listen on " + first.address));
  EXPECT_THAT(second.errors, HasSubstr("Address already in use"));
  EXPECT_THAT(second.output, IsEmpty());
}

TEST(DescentdTest, BadOptionsAreRefused) {
  const std::vector<std::vector<std::string>> bad = {{"--no-such-option"},
                                                     {"stray"},
                                                     {"--threads=0"},
                                                     {"--threads=many"},
                                                     {"--listen=localhost"},
                                                     {"--listen=localhost:65536"},
                                                     {"--listen=::1:50051"},
                                                     {"--listen=:50051"},
                                                     {"--listen=http://127.0.0.1:50051"},
                                                     {"--listen=unix:"},
                                                     {"--listen="},
                                                     {"--max-message-mib=0"},
                                                     {"--max-message-mib=2048"},
                                                     {"--drain-timeout=-1"},
                                                     {"--log-format=xml"},
                                                     {"--log-level=loud"},
                                                     {"--config=/no/such/file.toml"},
                                                     {"--checkpoint-interval=0"},
                                                     {"--kept-checkpoints=0"},
                                                     {"--session-window=0"}};
  for (const auto& arguments : bad) {
    const Invocation run(arguments);
    EXPECT_EQ(run.code, 64) << arguments[0] << run.errors;
    const std::string name = arguments[0].substr(0, arguments[0].find('='));
    EXPECT_THAT(run.errors, HasSubstr(name == "--config" ? "/no/such" : name));
    EXPECT_THAT(run.output, IsEmpty());
  }
}

TEST(DescentdTest, AnEmptyListInTheFileIsRefused) {
  for (const std::string option : {"threads", "listen", "data-dir", "drain-timeout", "in-memory"}) {
    const std::string file = WriteFile("descentd_empty_list.toml", option + " = []\n");
    const Invocation run({"--print-config", "--config", file});
    EXPECT_EQ(run.code, 64) << option;
    EXPECT_THAT(run.errors, HasSubstr(option));
  }
}

TEST(DescentdTest, AFlagWinsOverTheEnvironmentAndThatOverTheFile) {
  const std::string file = WriteFile("descentd_precedence.toml", "threads = 5\n");
  const std::vector<std::string> config = {"--config=" + file};
  const std::map<std::string, std::string> environment = {{"DESCENT_THREADS", "6"}};
  EXPECT_EQ(Configured("threads", config, {}), "5");
  EXPECT_EQ(Configured("threads", config, environment), "6");
  EXPECT_EQ(Configured("threads", {config[0], "--threads=7"}, environment), "7");
  EXPECT_EQ(Configured("threads", {}, {{"DESCENT_CONFIG", file}}), "5");
  EXPECT_EQ(Configured("listen", {}, {}), "\"127.0.0.1:50051\"");
  EXPECT_EQ(Configured("max-message-mib", {}, {}), "64");
  EXPECT_EQ(Configured("in-memory", {}, {{"DESCENT_IN_MEMORY", "true"}}), "true");
}

TEST(DescentdTest, WhatIsPrintedCanBeRead) {
  const Invocation printed({"--print-config", "--listen=0.0.0.0:1234", "--listen=unix:/s",
                            "--allow-plaintext", "--log-format=json", "--drain-timeout=2.5",
                            "--in-memory"});
  ASSERT_EQ(printed.code, 0) << printed.errors;
  const std::string file = WriteFile("descentd_printed.toml", printed.output);
  const Invocation read({"--print-config", "--config", file});
  EXPECT_EQ(read.code, 0) << read.errors;
  EXPECT_EQ(Configured("listen", {"--config", file}, {}), R"(["0.0.0.0:1234", "unix:/s"])");
  EXPECT_EQ(Configured("listen", {"--config", file}, {{"DESCENT_LISTEN", "unix:/t"}}),
            "\"unix:/t\"");
  EXPECT_EQ(Configured("log-format", {"--config", file}, {}), "\"json\"");
  EXPECT_EQ(Configured("drain-timeout", {"--config", file}, {}), "2.5");
}

TEST(DescentdTest, KeepingModelsInADirectoryAndInMemoryContradicts) {
  const std::string both = WriteFile("descentd_both.toml", "in-memory = true\ndata-dir = \"/x\"\n");
  const std::map<std::string, std::string> environment = {{"DESCENT_IN_MEMORY", "true"},
                                                          {"DESCENT_DATA_DIR", "/x"}};
  const std::vector<Invocation> refused = {
      Invocation({"--in-memory", "--data-dir=/x"}),
      Invocation({"--data-dir=/x", "--in-memory=true"}),
      Invocation({"--print-config"}, environment),
      Invocation({"--print-config", "--config", both}),
  };
  for (const Invocation& run : refused) {
    EXPECT_EQ(run.code, 64);
    EXPECT_THAT(run.errors, HasSubstr("--in-memory and --data-dir contradict each other"));
  }
  // Said in different places, the usual order decides.
  const std::string memory = WriteFile("descentd_memory.toml", "in-memory = true\n");
  const std::string directory = WriteFile("descentd_directory.toml", "data-dir = \"/x\"\n");
  const auto in_memory = [](const std::vector<std::string>& flags,
                            const std::map<std::string, std::string>& variables) {
    return Configured("in-memory", flags, variables);
  };
  EXPECT_EQ(in_memory({"--in-memory"}, {{"DESCENT_DATA_DIR", "/x"}}), "true");
  EXPECT_EQ(in_memory({"--in-memory", "--config", directory}, {}), "true");
  EXPECT_EQ(in_memory({"--config", directory}, {{"DESCENT_IN_MEMORY", "true"}}), "true");
  EXPECT_EQ(in_memory({"--data-dir=/y"}, {{"DESCENT_IN_MEMORY", "1"}}), "false");
  EXPECT_EQ(in_memory({"--data-dir=/y", "--config", memory}, {}), "false");
  EXPECT_EQ(in_memory({"--config", memory}, {{"DESCENT_DATA_DIR", "/y"}}), "false");
  EXPECT_EQ(in_memory({"--data-dir=/y", "--in-memory=false"}, {}), "false");
  EXPECT_EQ(Configured("data-dir", {"--data-dir=/y"}, environment), "\"/y\"");
}

TEST(DescentdTest, TheFirstOfSystemdsStateDirectoriesIsUsed) {
  const auto directory = [](const std::string& value) {
    return Configured("data-dir", {}, {{"STATE_DIRECTORY", value}, {"XDG_STATE_HOME", "/s"}});
  };
  const std::string usual = directory("");
  EXPECT_EQ(directory("/a"), "\"/a\"");
  EXPECT_EQ(directory("/a:/b"), "\"/a\"");
  EXPECT_EQ(directory(":/b:"), "\"/b\"");
  EXPECT_EQ(directory(":"), usual);
  const Invocation relative({"--print-config"}, {{"STATE_DIRECTORY", "a:/b"}});
  EXPECT_EQ(relative.code, 64);
  EXPECT_THAT(relative.errors, HasSubstr("STATE_DIRECTORY: expected absolute paths"));
  EXPECT_EQ(Configured("data-dir", {"--data-dir=/y"}, {{"STATE_DIRECTORY", "a"}}), "\"/y\"");
  EXPECT_EQ(Configured("in-memory", {"--in-memory"}, {{"STATE_DIRECTORY", "a"}}), "true");
}

TEST(DescentdTest, ServesOnAUnixSocket) {
  const std::string path = ::testing::TempDir() + "/descentd_test.socket";
  const std::string address = "unix:" + path;
  const std::vector<std::string> arguments = {Descentd(), "--in-memory", "--listen", address};
  for (const int signal : {SIGKILL, SIGTERM}) {  // what a killed server leaves is in nobody's way
    Process process(arguments);
    ASSERT_EQ(process.AwaitLine("listening on "), address) << process.ErrorOutput();
    ServiceClient client(address);
    EXPECT_TRUE(client.Call(LineModel("line")).ok());
    EXPECT_EQ(Invocation({"healthcheck", "--server", address}).code, 0);
    EXPECT_EQ(Invocation({"healthcheck", "--listen", address}).code, 0);
    const Invocation second({"--in-memory", "--listen", address});
    EXPECT_EQ(second.code, 69);
    EXPECT_THAT(second.errors, HasSubstr("another server listens there"));
    EXPECT_TRUE(client.Call(GetOf("line")).ok());
    process.Signal(signal);
    process.Wait();
  }
  const std::string file = WriteFile("descentd_test.file", "theirs");
  const Invocation taken({"--in-memory", "--listen", "unix:" + file});
  EXPECT_EQ(taken.code, 69);
  EXPECT_THAT(taken.errors, HasSubstr("something else than a socket is there"));
  const Invocation nowhere({"--in-memory", "--listen", "unix:/no/such/place"});
  EXPECT_EQ(nowhere.code, 69);
  EXPECT_THAT(nowhere.errors, HasSubstr("No such file or directory"));
}

TEST(DescentdTest, ABadFileIsRefused) {
  const std::string unknown = WriteFile("descentd_unknown.toml", "colour = \"red\"\n");
  const Invocation run({"--config", unknown});
  EXPECT_EQ(run.code, 64);
  EXPECT_THAT(run.errors, HasSubstr("colour"));
  EXPECT_THAT(run.errors, HasSubstr(unknown));
  const std::string bad = WriteFile("descentd_bad.toml", "threads = 4000\n");
  const Invocation refused({"--config", bad});
  EXPECT_EQ(refused.code, 64);
  EXPECT_THAT(refused.errors, HasSubstr("--threads: Value 4000"));
  EXPECT_THAT(refused.errors, HasSubstr(bad));
}

TEST(DescentdTest, ABadVariableIsNamed) {
  const Invocation run({}, {{"DESCENT_THREADS", "many"}});
  EXPECT_EQ(run.code, 64);
  EXPECT_THAT(run.errors, HasSubstr("DESCENT_THREADS"));
}

TEST(DescentdTest, HelpAndVersionSayWhatThereIs) {
  const Invocation help({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* text :
       {"--listen", "127.0.0.1:50051", "DESCENT_LISTEN", "--max-message-mib MIB=64",
        "--drain-timeout", "healthcheck", "Exit status"}) {
    EXPECT_THAT(help.output, HasSubstr(text));
  }
  const Invocation version({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_THAT(version.output,
              ContainsRegex("^descentd [0-9.]+ \\(.*(gcc|clang).*(x86-64|aarch64).*\\)\n$"));
}

TEST(DescentdTest, HealthcheckTellsByItsExitCode) {
  Daemon daemon;
  EXPECT_EQ(Invocation({"healthcheck", "--server", daemon.address}).code, 0);
  EXPECT_EQ(Invocation({"healthcheck"}, {{"DESCENT_LISTEN", daemon.address}}).code, 0);
  const std::string port = daemon.address.substr(daemon.address.find(':'));
  EXPECT_EQ(Invocation({"healthcheck", "--listen", "0.0.0.0" + port}).code, 0);
  daemon.process.Signal(SIGTERM);
  daemon.process.Wait();
  const Invocation gone({"healthcheck", "--server", daemon.address, "--timeout=1"});
  EXPECT_EQ(gone.code, 1);
  EXPECT_THAT(gone.errors, HasSubstr("is not serving"));
}

TEST(DescentdTest, HealthcheckSaysAtOnceWhatIsNoServer) {
  for (const char* server : {"localhost", "http://127.0.0.1:1", "unix:", "::1", "127.0.0.1:0"}) {
    const Invocation run({"healthcheck", "--timeout=3600", "--server", server});
    EXPECT_EQ(run.code, 64) << server;
    EXPECT_THAT(run.errors, HasSubstr("--server: '"));
  }
}

TEST(DescentdTest, LogsJsonOnRequest) {
  Daemon daemon({"--log-format=json", "--log-level=debug"});
  EXPECT_FALSE(daemon.client.Call(GetOf("nobody")).ok());
  daemon.process.Signal(SIGTERM);
  daemon.process.Wait();
  std::istringstream lines(daemon.process.ErrorOutput());
  bool served = false;
  bool called = false;
  for (std::string line; std::getline(lines, line);) {
    const auto object = nlohmann::json::parse(line);
    served |= object["message"] == "serving" && object["address"] == daemon.address;
    called |= object["message"] == "call" && object["method"] == "GetModel" &&
              object["code"] == "NOT_FOUND" && object["reason"] == "MODEL_NOT_FOUND" &&
              object["model"] == "nobody";
  }
  EXPECT_TRUE(served);
  EXPECT_TRUE(called);
}

// A directory that is gone at the end of the test.
struct DataDirectory {
  DataDirectory() {
    std::string pattern = ::testing::TempDir() + "/descentd_test_XXXXXX";
    path = mkdtemp(pattern.data());
  }
  ~DataDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

std::vector<std::string> OnDirectory(const std::string& path) {
  return {Descentd(), "--listen=127.0.0.1:0", "--data-dir", path};
}

TEST(DescentdTest, WhatWasAcknowledgedSurvivesAKill) {
  const DataDirectory directory;
  const std::string state = directory.path + "/state";
  std::uint64_t hash = 0;
  {
    Process process(OnDirectory(state));
    ServiceClient client(process.AwaitLine("listening on "));
    ASSERT_TRUE(client.Call(LineModel("line")).ok());
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(client.Call(StepOf("line", LineBatch(8, 1))).ok());
    }
    hash = client.Call(GetOf("line"))->model().state_hash();
    process.Signal(SIGKILL);
    EXPECT_EQ(process.Wait(), -SIGKILL);
  }
  const Invocation verified({"verify", state});
  EXPECT_EQ(verified.code, 0) << verified.output << verified.errors;
  EXPECT_THAT(verified.output, HasSubstr("line: step 5"));
  EXPECT_THAT(verified.output, HasSubstr("1 models, 0 damaged"));
  Process process(OnDirectory(state));
  ServiceClient client(process.AwaitLine("listening on "));
  const auto model = client.Call(GetOf("line"));
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->model().step(), 5);
  EXPECT_EQ(model->model().state_hash(), hash);
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0) << process.ErrorOutput();
}

TEST(DescentdTest, ABadDataDirectoryIsAClearError) {
  const DataDirectory directory;
  const std::string file = directory.path + "/file";
  std::ofstream(file) << "not a directory";
  const Invocation not_a_directory({"--listen=127.0.0.1:0", "--data-dir", file});
  EXPECT_EQ(not_a_directory.code, 74);
  EXPECT_THAT(not_a_directory.errors, HasSubstr(file));
  EXPECT_THAT(not_a_directory.output, IsEmpty());

  Process first(OnDirectory(directory.path));
  EXPECT_NE(first.AwaitLine("listening on "), "");
  const Invocation second({"--listen=127.0.0.1:0", "--data-dir", directory.path});
  EXPECT_EQ(second.code, 74);
  EXPECT_THAT(second.errors, HasSubstr("in use"));
  const Invocation verify({"verify", directory.path});
  EXPECT_EQ(verify.code, 74);
  EXPECT_THAT(verify.errors, HasSubstr("in use"));
}

TEST(DescentdTest, LargeMessagesGoUpToTheLimit) {
  Daemon daemon({"--max-message-mib=80"});
  auto request = LineModel("wide");
  request.mutable_model()->mutable_network()->set_input_features(1 << 20);
  ASSERT_TRUE(daemon.client.Call(request).ok());
  v1::Tensor inputs;
  inputs.set_data_type(v1::DATA_TYPE_FLOAT32);
  inputs.add_shape(19);
  inputs.add_shape(1 << 20);
  inputs.mutable_raw()->resize(std::size_t{19} << 22);
  EXPECT_TRUE(daemon.client.Call(PredictOf("wide", inputs)).ok());
  inputs.set_shape(0, 20);
  inputs.mutable_raw()->resize(std::size_t{20} << 22);
  EXPECT_EQ(daemon.client.Call(PredictOf("wide", inputs)).status.code,
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace descent::testing
