#include "server/metrics/server_metrics.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/models/work/memory_budget.h"

namespace descent::metrics {
namespace {

template <typename Number>
double Double(Number number) {
  return static_cast<double>(number);
}

void AddMemory(const models::MemoryBudget& budget, std::size_t transport_bytes,
               Families* families) {
  prometheus::MetricFamily used =
      Gauge("descent_memory_bytes", "Memory counted against the budget, by what it is held for.");
  for (std::size_t i = 0; i < models::kMemoryPurposes; ++i) {
    const auto purpose = static_cast<models::MemoryPurpose>(i);
    AddSeries(Double(budget.used(purpose)), {{"purpose", MemoryPurposeName(purpose)}}, &used);
  }
  families->push_back(std::move(used));
  families->push_back(Gauge("descent_memory_budget_bytes",
                            "Most that may be held, all together: beyond it calls are refused "
                            "(MEMORY_BUDGET).",
                            Double(budget.limit())));
  families->push_back(Gauge("descent_memory_standing_budget_bytes",
                            "Most of it that models, remembered answers and sessions may hold.",
                            Double(budget.standing_limit())));
  families->push_back(Gauge("descent_transport_memory_budget_bytes",
                            "Most that gRPC may hold in buffers of connections, beside that.",
                            Double(transport_bytes)));
}

void AddWork(const models::RegistryUsage& registry, const ops::ServerUsage& server,
             Families* families) {
  families->push_back(Gauge("descent_held_calls",
                            "Updates, reads and checkpoints of all models that wait or run.",
                            Double(registry.held_items)));
  families->push_back(
      Gauge("descent_held_bytes", "What their tensors take.", Double(registry.held_bytes)));
  prometheus::MetricFamily waiting =
      Gauge("descent_waiting_tasks", "Tasks that no thread has taken yet, by the threads.");
  AddSeries(Double(registry.waiting_updates), {{"threads", "update"}}, &waiting);
  AddSeries(Double(registry.waiting_reads), {{"threads", "read"}}, &waiting);
  AddSeries(Double(server.waiting_messages), {{"threads", "messages"}}, &waiting);
  families->push_back(std::move(waiting));
}

void AddConnections(const ops::ServerUsage& server, Families* families) {
  families->push_back(Gauge("descent_serving", "1 while health checks are answered SERVING.",
                            server.is_serving ? 1 : 0));
  families->push_back(
      Gauge("descent_open_connections", "Connections of clients.", Double(server.connections)));
  families->push_back(
      Gauge("descent_open_streams",
            "Streams that are open, of training, evaluations, backups, health and reflection.",
            Double(server.open_streams)));
  if (!server.certificate_not_after.has_value()) return;
  families->push_back(Gauge(
      "descent_tls_certificate_expiry_timestamp_seconds",
      "Until when the certificate that new connections are shown is good, in seconds since 1970.",
      absl::ToDoubleSeconds(*server.certificate_not_after - absl::UnixEpoch())));
  families->push_back(
      Counter("descent_tls_failed_handshakes_total",
              "Connections whose encryption was refused: a client's certificate that is not "
              "believed, an old protocol, plaintext.",
              Double(server.failed_handshakes)));
}

void AddStorageState(const absl::Status& status, Families* families) {
  prometheus::MetricFamily state =
      Gauge("descent_storage_state",
            "1 for the state that the storage is in: ok, full (updates are refused until there is "
            "room), failed (until the server is started again).");
  const bool is_full = absl::IsResourceExhausted(status);
  AddSeries(status.ok() ? 1 : 0, {{"state", "ok"}}, &state);
  AddSeries(is_full ? 1 : 0, {{"state", "full"}}, &state);
  AddSeries(!status.ok() && !is_full ? 1 : 0, {{"state", "failed"}}, &state);
  families->push_back(std::move(state));
}

void AddStoreNumbers(const store::StoreNumbers& numbers, Families* families) {
  const auto add = [families](const auto& number, std::string_view name, std::string_view help) {
    families->push_back(Counter(name, help, Double(number.load(std::memory_order_relaxed))));
  };
  add(numbers.commits, "descent_store_commits_total", "Commits that changed something.");
  add(numbers.records, "descent_store_records_total",
      "Records of journals (updates, for the most part) in those commits.");
  add(numbers.checkpoints, "descent_store_checkpoints_total", "Checkpoints written.");
  add(numbers.checkpoint_bytes, "descent_store_checkpoint_bytes_total",
      "Bytes of parameters and optimizer state in those.");
  prometheus::MetricFamily commit =
      Histogram("descent_store_commit_seconds",
                "How long commits took, from their first write to the end of their last sync.");
  AddSeries(numbers.commit_seconds.Read(), {}, &commit);
  families->push_back(std::move(commit));
  prometheus::MetricFamily sync = Histogram(
      "descent_store_fsync_seconds", "How long the syncs of the journal's log took (fdatasync).");
  AddSeries(numbers.sync_seconds.Read(), {}, &sync);
  families->push_back(std::move(sync));
}

void AddStoreUsage(const store::StoreUsage& usage, Families* families) {
  prometheus::MetricFamily files =
      Gauge("descent_store_file_bytes", "Sizes of the files in the data directory.");
  AddSeries(Double(usage.database_bytes), {{"file", "database"}}, &files);
  AddSeries(Double(usage.write_ahead_log_bytes), {{"file", "write_ahead_log"}}, &files);
  AddSeries(Double(usage.journal_log_bytes), {{"file", "journal_log"}}, &files);
  families->push_back(std::move(files));
  families->push_back(Gauge("descent_store_free_bytes",
                            "What the data directory's file system has left.",
                            Double(usage.free_bytes)));
  families->push_back(Gauge("descent_store_waiting_changes",
                            "Changes that no commit has taken yet.",
                            Double(usage.waiting_changes)));
}

}  // namespace

Families ServerFamilies(const Build& build, const models::Registry& registry,
                        const ops::ServerUsage& server, std::size_t transport_memory_bytes) {
  Families families;
  prometheus::MetricFamily info = Gauge("descent_build_info", "1; the labels say what runs.");
  AddSeries(1,
            {{"version", build.version},
             {"commit", build.commit},
             {"instruction_set", build.instruction_set}},
            &info);
  families.push_back(std::move(info));
  AddConnections(server, &families);
  AddWork(registry.Usage(), server, &families);
  AddMemory(*registry.memory(), transport_memory_bytes, &families);
  // Models in memory alone have nothing to be stored.
  if (const auto numbers = registry.StoreNumbers(); numbers != nullptr) {
    AddStorageState(registry.StorageStatus(), &families);
    AddStoreNumbers(*numbers, &families);
    AddStoreUsage(registry.StoreUsage(), &families);
  }
  return families;
}

}  // namespace descent::metrics
