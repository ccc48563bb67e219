// Credentials of a server that are made by gRPC's core. gRPC 1.51 has an interface for them;
// current releases take them.

#ifndef SERVER_OPS_OWN_CREDENTIALS_H_
#define SERVER_OPS_OWN_CREDENTIALS_H_

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <memory>
#include <string>
#include <type_traits>

#include "core/check.h"

namespace grpc {
class AuthMetadataProcessor;
}  // namespace grpc

namespace descent::ops {

// A `Base`, grpc::ServerCredentials, that owns what it is constructed from.
template <typename Base, bool kInterface = std::is_abstract_v<Base>>
class OwnCredentials : public Base {
 public:
  explicit OwnCredentials(grpc_server_credentials* credentials) : Base(credentials) {}
};

template <typename Base>
class OwnCredentials<Base, true> : public Base {
 public:
  explicit OwnCredentials(grpc_server_credentials* credentials) : credentials_(credentials) {}
  ~OwnCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {
    DESCENT_CHECK(false);  // nobody sets one
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* const credentials_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_OWN_CREDENTIALS_H_
