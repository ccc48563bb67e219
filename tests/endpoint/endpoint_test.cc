#include "endpoint/endpoint.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent::endpoint {
namespace {

using ::testing::HasSubstr;

TEST(TargetTest, WhatCanBeReachedIsTakenAsItIs) {
  for (const char* text :
       {"127.0.0.1:50051", "localhost:1", "descent.example:65535", "a_b-c:80", "[::1]:50051",
        "[fe80::1%eth0]:50051", "dns:50051", "dns:host:50051", "dns:///host:50051",
        "dns://9.9.9.9/host:50051", "ipv4:10.0.0.1:1,10.0.0.2:1", "ipv6:[::1]:1", "unix:a.socket",
        "unix:/run/descent.socket", "unix:///run/descent.socket", "unix:/with a space",
        "unix-abstract:descent", "xds:///descent", "m\xc3\xbcller.example:1"}) {
    const auto target = ParseTarget(text);
    ASSERT_TRUE(target.ok()) << target.status();
    EXPECT_EQ(target->name, text);
  }
}

struct Refusal {
  const char* text;
  const char* says;
};

TEST(TargetTest, WhatCannotBeReachedIsAnsweredWithWhatIsWrong) {
  for (const auto& [text, says] : {
           Refusal{"", "expected HOST:PORT"},
           Refusal{"localhost", "the port is missing"},
           Refusal{"10.0.0.1", "10.0.0.1:50051"},
           Refusal{"[::1]", "the port is missing"},
           Refusal{":50051", "the host is missing"},
           Refusal{" localhost:1", "space"},
           Refusal{"localhost:1 ", "space"},
           Refusal{"my host:1", "space"},
           Refusal{"localhost:1\n", "space"},
           Refusal{"::1", "[::1]:50051"},
           Refusal{"::1:50051", "[::1]:50051"},
           Refusal{"2001:db8::7:443", "brackets"},
           Refusal{"[localhost]:1", "brackets"},
           Refusal{"localhost:0", "from 1 to 65535"},
           Refusal{"localhost:99999", "'99999'"},
           Refusal{"localhost:-1", "'-1'"},
           Refusal{"localhost:+1", "'+1'"},
           Refusal{"localhost:http", "'http'"},
           Refusal{"localhost:", "''"},
           Refusal{"localhost:50051/", "'50051/'"},
           Refusal{"256.0.0.1:1", "no host"},
           Refusal{"1.2.3:1", "no host"},
           Refusal{"user@host:1", "no host"},
           Refusal{"http://localhost:1", "HOST:PORT without http://, such as localhost:1"},
           Refusal{"https://localhost", "without https://, such as 127.0.0.1:50051"},
           Refusal{"http://localhost:1/path", "such as localhost:1"},
           Refusal{"grpc://localhost:1", "without grpc://"},
           Refusal{"tcp://localhost:1", "without tcp://"},
           Refusal{"dns:///localhost", "the port is missing"},
           Refusal{"dns://localhost:1", "expected HOST:PORT"},
           Refusal{"dns:", "expected HOST:PORT"},
           Refusal{"ipv4:10.0.0.1:1,10.0.0.2", "the port is missing"},
           Refusal{"unix:", "unix:PATH"},
           Refusal{"unix://relative", "unix:///PATH"},
       }) {
    const absl::Status status = ParseTarget(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(says)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("'") + text + "'"));
  }
  EXPECT_THAT(std::string(ParseTarget("unix:/" + std::string(107, 'x')).status().message()),
              HasSubstr("at most 107 bytes"));
}

TEST(TargetTest, KnowsWhatIsOnThisMachine) {
  for (const char* text : {"127.0.0.1:1", "127.255.3.4:1", "[::1]:1", "[0:0::1]:1", "localhost:1",
                           "LocalHost:1", "localhost.:1", "a.localhost:1", "0.0.0.0:1", "[::]:1",
                           "[::ffff:127.0.0.1]:1", "ip6-localhost:1", "dns:///localhost:1",
                           "ipv4:127.0.0.1:1,127.0.0.2:1", "unix:x", "unix-abstract:x"}) {
    EXPECT_TRUE(ParseTarget(text)->is_loopback) << text;
  }
  for (const char* text :
       {"128.0.0.1:1", "10.0.0.1:1", "[::2]:1", "localhost.example:1", "notlocalhost:1",
        "[::ffff:10.0.0.1]:1", "dns:///example:1", "ipv4:127.0.0.1:1,10.0.0.1:1", "xds:///x"}) {
    EXPECT_FALSE(ParseTarget(text)->is_loopback) << text;
  }
}

TEST(ListenTest, TakesAddressesAndSockets) {
  for (const char* text : {"127.0.0.1:0", "0.0.0.0:50051", "[::]:50051", "localhost:65535",
                           "unix:/run/descent.socket", "unix:///run/descent.socket"}) {
    EXPECT_TRUE(CheckListenAddress(text).ok()) << text;
  }
}

TEST(ListenTest, WhatCannotBeListenedAtIsAnsweredWithWhatIsWrong) {
  for (const auto& [text, says] : {
           Refusal{"", "expected HOST:PORT"},
           Refusal{"localhost", "the port is missing"},
           Refusal{":50051", "all addresses: 0.0.0.0 or [::]"},
           Refusal{"::1:50051", "[::1]:50051"},
           Refusal{"localhost:65536", "from 0 to 65535"},
           Refusal{"http://localhost:1", "without http:"},
           Refusal{"dns:///localhost:1", "without dns:"},
           Refusal{"unix-abstract:x", "without unix-abstract:"},
           Refusal{"unix:", "unix:PATH"},
           Refusal{" 127.0.0.1:1", "space"},
       }) {
    const absl::Status status = CheckListenAddress(text);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(says)) << text;
  }
}

TEST(ListenTest, KnowsHowAServerIsReached) {
  EXPECT_EQ(ReachableAddress("0.0.0.0:7"), "127.0.0.1:7");
  EXPECT_EQ(ReachableAddress("[::]:7"), "[::1]:7");
  EXPECT_EQ(ReachableAddress("10.0.0.1:7"), "10.0.0.1:7");
  EXPECT_EQ(ReachableAddress("unix:/x"), "unix:/x");
  EXPECT_EQ(UnixPath("unix:///x"), "/x");
  EXPECT_EQ(UnixPath("unix:x"), "x");
  EXPECT_EQ(UnixPath("localhost:1"), "");
}

}  // namespace
}  // namespace descent::endpoint
