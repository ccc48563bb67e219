// Tells the service manager that started this process how far it is: systemd's notification
// protocol (sd_notify(3), "Notes"), which is one datagram of lines a notice. Without a manager that
// wants notices nothing happens.

#ifndef SERVER_OPS_SERVICE_MANAGER_H_
#define SERVER_OPS_SERVICE_MANAGER_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/models/registry/recovery_runner.h"

namespace descent::ops {

// Thread-safe. A notice that the manager does not take within a second is dropped.
class ServiceManager {
 public:
  // `socket` is what $NOTIFY_SOCKET says: a path, `@` and an abstract name, or nothing. Anything
  // else, and a socket that can't be had, is logged as a warning.
  explicit ServiceManager(const std::string& socket);
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // The start goes on, and is to be given two minutes from now. `status` is for people, one line.
  void Starting(absl::string_view status) const;
  // Calls are taken from now on, of all models.
  void Serving(absl::string_view status) const;
  // The end has begun and takes at most `timeout`.
  void Stopping(absl::Duration timeout) const;
  // The process goes on without being of use: it is to be ended and started again, as a manager
  // does on a failed watchdog.
  void Failed(absl::string_view status) const;

 private:
  void Tell(absl::string_view notice) const;

  std::string address_;  // as the system takes it: an abstract name begins with a zero byte
  int file_ = -1;        // -1: nobody wants to know
};

// Tells of a recovery on its way to `next`.
class RecoveryNotices final : public models::RecoveryObserver {
 public:
  // Both outlive this.
  RecoveryNotices(const ServiceManager* manager, models::RecoveryObserver* next)
      : manager_(manager), next_(next) {}

  void OnProgress(const std::string& model, std::int64_t replayed,
                  std::int64_t remaining_bytes) override;
  void OnModel(const std::string& model, const absl::Status& status,
               const models::Replayed& replayed, absl::Duration duration) override;

 private:
  const ServiceManager* const manager_;
  models::RecoveryObserver* const next_;
  std::atomic<std::int64_t> models_{0};  // that came back
};

}  // namespace descent::ops

#endif  // SERVER_OPS_SERVICE_MANAGER_H_
