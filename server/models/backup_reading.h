// A backup being sent to somebody.

#ifndef SERVER_MODELS_BACKUP_READING_H_
#define SERVER_MODELS_BACKUP_READING_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "server/models/commands.h"
#include "server/models/reply.h"

namespace descent::models {

// Calls come one at a time; the copy goes with this object.
class BackupReading {
 public:
  virtual ~BackupReading() = default;

  virtual std::int64_t size_bytes() const = 0;

  // Answers with the next bytes, at most `most`, from another thread; empty at the end.
  virtual void Next(std::size_t most, Reply<std::string> reply) = 0;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_BACKUP_READING_H_
