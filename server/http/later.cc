#include <atomic>
#include <utility>

#include "server/http/route.h"

namespace descent::http {

class Later::State {
 public:
  explicit State(std::function<void(Make)> deliver) : deliver_(std::move(deliver)) {}
  ~State() {
    Deliver([] {
      return Answer{.status = 500, .body = "a fault of the server itself ended the request\n"};
    });
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void Deliver(Make make) {
    if (!delivered_.exchange(true)) deliver_(std::move(make));
  }

 private:
  const std::function<void(Make)> deliver_;
  std::atomic<bool> delivered_ = false;
};

Later::Later(std::function<void(Make)> deliver)
    : state_(std::make_shared<State>(std::move(deliver))) {}

void Later::operator()(Make make) const { state_->Deliver(std::move(make)); }

}  // namespace descent::http
