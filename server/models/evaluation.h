// Loss and metrics over a stream of labelled batches, all at one step.

#ifndef SERVER_MODELS_EVALUATION_H_
#define SERVER_MODELS_EVALUATION_H_

#include <cstdint>

#include "core/batch.h"
#include "server/models/commands.h"
#include "server/models/reply.h"

namespace descent::models {

// Takes its snapshot at the first batch. Calls may be made before earlier ones are answered; they
// take effect in order. After an error every later call gets the same one.
class Evaluation {
 public:
  virtual ~Evaluation() = default;

  // Answers with the rows added so far. Requires a batch that Network::ValidateBatch accepts.
  // RESOURCE_EXHAUSTED when the evaluation grows past its limit of rows.
  virtual void Add(Batch batch, CallContext context, Reply<std::int64_t> reply) = 0;

  // Answers with the outcome; called once, last. INVALID_ARGUMENT when no batch was added.
  virtual void Finish(CallContext context, Reply<EvaluateOutcome> reply) = 0;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_EVALUATION_H_
