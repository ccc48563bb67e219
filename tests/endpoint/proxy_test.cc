#include "endpoint/proxy.h"

#include <cstdlib>
#include <map>
#include <string>

#include "gtest/gtest.h"

namespace descent::endpoint {
namespace {

// What is said of a target where the environment holds these variables.
std::string Through(const std::string& target, const std::map<std::string, std::string>& set) {
  for (const char* name :
       {"grpc_proxy", "https_proxy", "http_proxy", "all_proxy", "no_grpc_proxy", "no_proxy"}) {
    const auto variable = set.find(name);
    if (variable == set.end()) {
      unsetenv(name);  // NOLINT(concurrency-mt-unsafe): the test has one thread
    } else {
      setenv(name, variable->second.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    }
  }
  return ThroughProxy(*ParseTarget(target));
}

TEST(ProxyTest, IsNamedWithItsVariable) {
  EXPECT_EQ(Through("far:1", {}), "");
  EXPECT_EQ(Through("far:1", {{"http_proxy", "http://p:3128"}}),
            " through the proxy http://p:3128 of $http_proxy");
  EXPECT_EQ(Through("far:1", {{"https_proxy", "http://p:3128/"}}),
            " through the proxy http://p:3128 of $https_proxy");
  EXPECT_EQ(Through("dns:///far:1", {{"grpc_proxy", "http://g:1"}, {"http_proxy", "http://p:2"}}),
            " through the proxy http://g:1 of $grpc_proxy");
}

TEST(ProxyTest, ASecretIsNotSaid) {
  EXPECT_EQ(Through("far:1", {{"http_proxy", "http://user:se@cret@p:3128"}}),
            " through the proxy http://p:3128 of $http_proxy");
}

TEST(ProxyTest, WhatGrpcDoesNotUseIsNotSaid) {
  EXPECT_EQ(Through("far:1", {{"http_proxy", "https://p:3128"}}), "");
  EXPECT_EQ(Through("far:1", {{"http_proxy", "p:3128"}}), "");
  EXPECT_EQ(Through("far:1", {{"http_proxy", ""}}), "");
  EXPECT_EQ(Through("far:1", {{"all_proxy", "http://p:3128"}}), "");
  EXPECT_EQ(Through("far.example:1", {{"http_proxy", "http://p:1"}, {"no_proxy", "x, .example"}}),
            "");
  EXPECT_NE(Through("far.example:1", {{"http_proxy", "http://p:1"},
                                      {"no_grpc_proxy", "other"},
                                      {"no_proxy", "far.example"}}),
            "");
}

TEST(ProxyTest, ThisMachineIsNeverReachedThroughOne) {
  for (const char* target : {"127.0.0.1:1", "localhost:1", "[::1]:1", "unix:/x"}) {
    EXPECT_EQ(Through(target, {{"http_proxy", "http://p:3128"}}), "") << target;
    EXPECT_FALSE(MayUseProxy(*ParseTarget(target)));
  }
  EXPECT_TRUE(MayUseProxy(*ParseTarget("far:1")));
}

}  // namespace
}  // namespace descent::endpoint
