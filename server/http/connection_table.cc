#include "server/http/connection_table.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

namespace descent::http {

void ConnectionTable::Add(const std::shared_ptr<Connection>& connection) {
  const absl::MutexLock lock(&mutex_);
  connections_[connection.get()] = connection;
}

void ConnectionTable::Remove(const Connection* connection) {
  const absl::MutexLock lock(&mutex_);
  connections_.erase(connection);
}

std::size_t ConnectionTable::size() const {
  const absl::MutexLock lock(&mutex_);
  return connections_.size();
}

std::vector<std::shared_ptr<Connection>> ConnectionTable::All() const {
  std::vector<std::shared_ptr<Connection>> all;
  const absl::MutexLock lock(&mutex_);
  all.reserve(connections_.size());
  for (const auto& [key, connection] : connections_) {
    if (std::shared_ptr<Connection> found = connection.lock()) all.push_back(std::move(found));
  }
  return all;
}

bool ConnectionTable::CloseOne() {
  const std::vector<std::shared_ptr<Connection>> all = All();
  std::unordered_map<std::string_view, std::size_t> of_address;
  for (const auto& connection : all) ++of_address[connection->peer_address()];
  const auto rank = [&](const std::shared_ptr<Connection>& connection) {
    return std::tuple(
        connection->phase() != Phase::kWorking, of_address[connection->peer_address()],
        connection->phase() == Phase::kReading, -absl::ToUnixNanos(connection->since()));
  };
  const auto best = std::max_element(
      all.begin(), all.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  if (best == all.end() || (*best)->phase() == Phase::kWorking) return false;
  (*best)->Close();
  Remove(best->get());
  return true;
}

}  // namespace descent::http
