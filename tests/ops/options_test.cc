#include "server/options.h"

#include <cstddef>
#include <initializer_list>
#include <string>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/machine_memory.h"

namespace descent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::size_t kMiB = std::size_t{1} << 20;

Invocation Parse(std::initializer_list<const char*> options) {
  std::vector<const char*> argv = {"descentd", "--in-memory"};
  argv.insert(argv.end(), options);
  return ParseOptions(static_cast<int>(argv.size()), argv.data());
}

struct Shares {
  std::size_t transport_mib;
  std::size_t models_mib;
};

Shares SharesOf(std::initializer_list<const char*> options) {
  const Invocation invocation = Parse(options);
  const auto* serve = std::get_if<Serve>(&invocation);
  if (serve == nullptr) {
    ADD_FAILURE() << std::get<Exit>(invocation).output;
    return {};
  }
  return {serve->server.transport_memory_bytes / kMiB, serve->models.memory_budget_bytes / kMiB};
}

// Which is a usage error.
std::string ErrorOf(std::initializer_list<const char*> options) {
  const Invocation invocation = Parse(options);
  const auto* exit = std::get_if<Exit>(&invocation);
  if (exit == nullptr) return "none";
  EXPECT_EQ(exit->code, kExitUsage);
  return exit->output;
}

TEST(OptionsTest, TheTransportHasAQuarterOfASmallBudget) {
  const Shares shares = SharesOf({"--memory-mib=512"});
  EXPECT_EQ(shares.transport_mib, 128U);
  EXPECT_EQ(shares.models_mib, 384U);
}

TEST(OptionsTest, TheTransportHasAGibibyteOfALargeBudget) {
  const Shares shares = SharesOf({"--memory-mib=65536"});
  EXPECT_EQ(shares.transport_mib, 1024U);
  EXPECT_EQ(shares.models_mib, 64512U);
}

TEST(OptionsTest, WhatTheTransportIsGivenIsTakenFromTheBudget) {
  const Shares shares = SharesOf({"--memory-mib=1000", "--transport-memory-mib=300"});
  EXPECT_EQ(shares.transport_mib, 300U);
  EXPECT_EQ(shares.models_mib, 700U);
}

TEST(OptionsTest, WithoutABudgetBothTogetherAreThreeFifthsOfTheMachine) {
  const Shares shares = SharesOf({});
  const std::size_t mib = MachineMemory() / 5 * 3 / kMiB;
  EXPECT_GE(shares.transport_mib + shares.models_mib + 1, mib);
  EXPECT_LE(shares.transport_mib + shares.models_mib, mib);
}

TEST(OptionsTest, ATransportThatWouldLeaveTheModelsTooLittleIsRefused) {
  EXPECT_THAT(ErrorOf({"--memory-mib=512", "--transport-memory-mib=300"}),
              HasSubstr("--transport-memory-mib: expected at most half of --memory-mib, which is "
                        "512, got 300"));
}

TEST(OptionsTest, MemoryThatIsNoUseIsRefusedWithWhatWasExpected) {
  for (const char* value : {"1", "63", "-5", "16777217", "many", "1.5", "99999999999999999999"}) {
    EXPECT_THAT(ErrorOf({"--memory-mib", value}),
                AllOf(HasSubstr("--memory-mib: "), HasSubstr("0 or a whole number from 64"),
                      HasSubstr(value)));
  }
  EXPECT_THAT(ErrorOf({"--transport-memory-mib=15"}), HasSubstr("0 or a whole number from 16"));
}

TEST(OptionsTest, WhatCallersMayHaveIsBoundedForConnectionsAloneUnlessSaid) {
  const services::CallLimits none = std::get<Serve>(Parse({"--memory-mib=32768"})).server.calls;
  EXPECT_FALSE(none.caller.any());
  EXPECT_EQ(none.connection.calls, 0);
  EXPECT_EQ(none.connection.per_second, 0);
  EXPECT_EQ(none.connection.bytes, 512 * kMiB);
  const Shares shares = SharesOf({"--memory-mib=512"});
  EXPECT_EQ(std::get<Serve>(Parse({"--memory-mib=512"})).server.calls.connection.bytes / kMiB,
            shares.models_mib / 16);

  const Serve serve = std::get<Serve>(
      Parse({"--memory-mib=32768", "--max-calls-per-caller=1", "--max-rate-per-caller=2",
             "--max-mib-per-caller=3", "--max-rate-per-connection=4", "--max-mib-per-connection=0",
             "--max-models=5"}));
  EXPECT_EQ(serve.server.calls.caller.calls, 1);
  EXPECT_EQ(serve.server.calls.caller.per_second, 2);
  EXPECT_EQ(serve.server.calls.caller.bytes, 3 * kMiB);
  EXPECT_EQ(serve.server.calls.connection.per_second, 4);
  EXPECT_EQ(serve.server.calls.connection.bytes, 0);
  EXPECT_EQ(serve.models.max_models, 5);
  EXPECT_EQ(serve.models.longest_read_wait, absl::InfiniteDuration());
  EXPECT_EQ(std::get<Serve>(Parse({"--max-read-wait-ms=20"})).models.longest_read_wait,
            absl::Milliseconds(20));
  EXPECT_THAT(ErrorOf({"--max-calls-per-caller=-1"}), HasSubstr("--max-calls-per-caller"));
  EXPECT_THAT(ErrorOf({"--max-models=0"}), HasSubstr("--max-models"));
}

TEST(OptionsTest, AnAccessFileIsOnlyWhereOneIsNamed) {
  EXPECT_EQ(std::get<Serve>(Parse({})).access_file, "");
  EXPECT_EQ(std::get<Serve>(Parse({"--access", "a.toml"})).access_file, "a.toml");
}

// A script whose variable is empty must not start a server that is open to everybody.
TEST(OptionsTest, AnAccessFileThatIsNamedAsNothingIsRefused) {
  for (const auto& options : {std::vector<const char*>{"--access", ""}, {"--access="}}) {
    std::vector<const char*> argv = {"descentd", "--in-memory"};
    argv.insert(argv.end(), options.begin(), options.end());
    const Invocation invocation = ParseOptions(static_cast<int>(argv.size()), argv.data());
    ASSERT_TRUE(std::holds_alternative<Exit>(invocation));
    EXPECT_EQ(std::get<Exit>(invocation).code, kExitUsage);
    EXPECT_THAT(std::get<Exit>(invocation).output, HasSubstr("--access"));
  }
}

TEST(OptionsTest, AHealthcheckLooksWhereNobodyIsAskedWhoCalls) {
  EXPECT_THAT(ErrorOf({"--access=a.toml", "healthcheck"}), HasSubstr("give it a --health address"));
  const Invocation there = Parse({"--access=a.toml", "--health=127.0.0.1:5", "healthcheck"});
  ASSERT_TRUE(std::holds_alternative<HealthCheck>(there));
  EXPECT_EQ(std::get<HealthCheck>(there).server, "127.0.0.1:5");
}

TEST(OptionsTest, HttpIsAnsweredOnlyWhereThatIsAsked) {
  EXPECT_EQ(std::get<Serve>(Parse({})).http, "");
  for (const char* address : {"127.0.0.1:0", "[::1]:8080", "localhost:1", "unix:/run/http.sock"}) {
    EXPECT_EQ(std::get<Serve>(Parse({"--http", address})).http, address);
  }
  for (const char* address : {"", "8080", "127.0.0.1", "http://127.0.0.1:1", "127.0.0.1:99999"}) {
    EXPECT_THAT(ErrorOf({"--http", address}), HasSubstr("--http")) << address;
  }
}

TEST(OptionsTest, HttpIsEncryptedWhereOtherMachinesReachIt) {
  EXPECT_THAT(ErrorOf({"--http=0.0.0.0:80"}), HasSubstr("--http: 0.0.0.0:80: other machines"));
  EXPECT_EQ(std::get<Serve>(Parse({"--http=0.0.0.0:80", "--allow-plaintext"})).http, "0.0.0.0:80");
  EXPECT_EQ(
      std::get<Serve>(Parse({"--http=0.0.0.0:80", "--tls-certificate=c.pem", "--tls-key=k.pem"}))
          .http,
      "0.0.0.0:80");
}

TEST(OptionsTest, WhatIsNotAsByDefaultIsKnown) {
  using Changed = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(std::get<Serve>(Parse({})).changed, (Changed{{"--in-memory", "true"}}));
  EXPECT_EQ(std::get<Serve>(Parse({"--threads=7", "--kept-checkpoints=2", "--listen=[::1]:1",
                                   "--listen=[::1]:2", "--access=a.toml"}))
                .changed,
            (Changed{{"--listen", "[::1]:1,[::1]:2"},
                     {"--threads", "7"},
                     {"--access", "a.toml"},
                     {"--in-memory", "true"}}))
      << "two kept checkpoints are the default";
}

TEST(OptionsTest, WhatIsNotGivenIsPrintedAsARemark) {
  const Invocation invocation = Parse({"--print-config"});
  EXPECT_THAT(std::get<Exit>(invocation).output, HasSubstr("\n# access=\"\"\n"));
}

}  // namespace
}  // namespace descent
