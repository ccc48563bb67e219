#include "server/models/writing/writer.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/exceptions.h"
#include "core/status_macros.h"
#include "server/models/list_pages.h"
#include "server/models/requests/durable_answers.h"
#include "server/models/writing/attached_session.h"

namespace descent::models {
namespace {

// The current parameters with those that the command names replaced.
Buffer Merge(const ParameterLayout& layout, const Buffer& current,
             const SetParametersCommand& command) {
  Buffer merged = current.Clone();
  const std::size_t width = ByteWidth(current.type());
  for (const int i : command.parameters) {
    const ParameterInfo& parameter = layout.parameters()[static_cast<std::size_t>(i)];
    const std::size_t offset = static_cast<std::size_t>(parameter.offset) * width;
    std::memcpy(merged.bytes() + offset, command.values.bytes() + offset,
                static_cast<std::size_t>(parameter.size) * width);
  }
  return merged;
}

// What an update that the journal has spoken about is answered with.
absl::StatusOr<StepOutcome> StepOutcomeOf(const UpdateResult& result,
                                          const absl::StatusOr<std::int64_t>& durable_step) {
  RETURN_IF_ERROR(durable_step.status());
  return StepOutcome{.step = result.step,
                     .loss = result.loss,
                     .gradient_norm = result.gradient_norm,
                     .learning_rate = result.learning_rate,
                     .durable_step = *durable_step};
}

absl::StatusOr<SetParametersOutcome> SetParametersOutcomeOf(
    std::int64_t step, const absl::StatusOr<std::int64_t>& durable_step) {
  RETURN_IF_ERROR(durable_step.status());
  return SetParametersOutcome{.step = step};
}

// Makes repeats of a request from before a restart get the answer of then.
template <typename Calls>
void RestoreAnswer(const store::RememberedAnswer& remembered,
                   const std::vector<CheckpointInfo>& checkpoints, Calls* calls) {
  const RequestKey key{remembered.request.id, remembered.request.fingerprint};
  const absl::Time time = remembered.time;
  if (const auto* update = std::get_if<store::UpdateAnswer>(&remembered.answer)) {
    if (remembered.method == kSetParameters) {
      calls->Restore(key, time, SetParametersOutcome{.step = update->result.step});
    } else {
      calls->Restore(key, time, *StepOutcomeOf(update->result, update->result.step));
    }
  } else if (const auto* model = std::get_if<store::ModelAnswer>(&remembered.answer)) {
    calls->Restore(key, time, InfoOf(*model));
  } else if (const auto* checkpoint = std::get_if<store::CheckpointAnswer>(&remembered.answer)) {
    CheckpointOutcome outcome{{.step = checkpoint->step, .create_time = time}};
    for (const CheckpointInfo& info : checkpoints) {
      if (info.step == checkpoint->step) outcome.checkpoint = info;
    }
    calls->Restore(key, time, outcome);
  } else {
    calls->Restore(key, time, DeleteCheckpointOutcome());
  }
}

}  // namespace

Writer::Writer(Resources* resources, ModelState::Parts parts, Remembered remembered)
    : lane_(std::make_shared<WriterLane>(resources, std::move(parts), remembered.sessions)),
      calls_(resources->options.request_window, resources->options.request_window_age,
             resources->options.request_window_bytes, resources->ForAnswers()) {
  for (store::RememberedAnswer& answer : remembered.answers) {
    RestoreAnswer(answer, remembered.checkpoints, &calls_);
    lane_->answers().Add(std::move(answer));
  }
}

absl::Status Writer::CheckBase(const GradientUpdate& update) const {
  if (update.base_step < 0 || update.base_step > state().step()) {
    return InvalidField("gradients.base_step",
                        absl::StrCat("expected a step from 0 to ", state().step(),
                                     ", where the model is, got ", update.base_step));
  }
  if (update.max_staleness.has_value() &&
      state().step() - update.base_step > *update.max_staleness) {
    return StaleGradients(update.base_step, *update.max_staleness, state().step());
  }
  return absl::OkStatus();
}

void Writer::Step(StepCommand command, CallContext context, Reply<StepOutcome> reply) {
  const std::size_t bytes = ByteSize(command);
  const Network& network = *publication()->network();
  Call<StepOutcome> call(std::move(context), std::move(reply));
  MultiplyAdds cost = UpdateCost(network);
  if (const auto* batch = std::get_if<Batch>(&command.update)) {
    absl::Status status =
        CheckPassSize(network, batch->rows(), lane_->resources().options.max_pass_bytes);
    if (!status.ok()) {
      std::move(call).Answer(std::move(status));
      return;
    }
    cost += GradientCost(network, batch->rows()) + 3 * TablesCost(network, batch->categories);
  }
  Queue(std::move(call), bytes, cost,
        [command = std::move(command)](Writer* self, Call<StepOutcome> admitted) mutable {
          self->StepNow(std::move(command), std::move(admitted));
        });
}

absl::StatusOr<UpdateResult> Writer::Apply(const StepCommand& command) {
  RETURN_IF_ERROR(lane_->CheckStep(command.expected_step));
  if (const auto* batch = std::get_if<Batch>(&command.update)) {
    return lane_->Step(*batch, command.learning_rate);
  }
  const auto& update = std::get<GradientUpdate>(command.update);
  RETURN_IF_ERROR(CheckBase(update));
  return CatchExceptions([&] {
    return state().model()->ApplyGradients(update.gradients, update.tables, command.learning_rate);
  });
}

void Writer::StepNow(StepCommand command, Call<StepOutcome> call) {
  if (!calls_.Begin(command.request, &call)) return;
  const absl::StatusOr<UpdateResult> result = Apply(command);
  if (!result.ok()) {
    calls_.Conclude<StepOutcome>(command.request, std::move(call), result.status());
    return;
  }
  ModelState::Change change;
  change.result = *result;
  change.request = Answered(command.request);
  if (auto* batch = std::get_if<Batch>(&command.update)) {
    change.rows = batch->rows();
    change.update = store::BatchUpdate{std::move(*batch), command.learning_rate};
  } else {
    auto& update = std::get<GradientUpdate>(command.update);
    change.update = store::GradientsUpdate{std::move(update.gradients), std::move(update.tables),
                                           command.learning_rate};
  }
  Remember(command.request, kStep, store::UpdateAnswer{*result});
  lane_->Commit(std::move(change), [self = shared_from_this(), result = *result,
                                    request = std::move(command.request), call = std::move(call)](
                                       const absl::StatusOr<std::int64_t>& durable_step) mutable {
    self->calls_.Conclude(request, std::move(call), StepOutcomeOf(result, durable_step));
  });
}

void Writer::SetParameters(SetParametersCommand command, CallContext context,
                           Reply<SetParametersOutcome> reply) {
  const std::size_t bytes = command.values.capacity();
  Queue(Call<SetParametersOutcome>(std::move(context), std::move(reply)), bytes,
        ParametersCost(*publication()->network()),
        [command = std::move(command)](Writer* self, Call<SetParametersOutcome> call) mutable {
          self->SetParametersNow(std::move(command), std::move(call));
        });
}

void Writer::SetParametersNow(SetParametersCommand command, Call<SetParametersOutcome> call) {
  if (!calls_.Begin(command.request, &call)) return;
  absl::Status status = lane_->CheckStep(command.expected_step);
  Buffer merged;
  if (status.ok()) {
    status = CatchExceptions([&] {
      merged = Merge(state().network().layout(), state().snapshot().parameters(), command);
      return state().model()->SetParameters(merged, command.keep_optimizer_state);
    });
  }
  if (!status.ok()) {
    calls_.Conclude<SetParametersOutcome>(command.request, std::move(call), std::move(status));
    return;
  }
  const UpdateResult result{.step = state().step()};
  Remember(command.request, kSetParameters, store::UpdateAnswer{result});
  // Made before the call, whose arguments may be evaluated in any order: the callback takes the id.
  ModelState::Change change{
      .update = store::ParametersUpdate{std::move(merged), command.keep_optimizer_state},
      .result = result,
      .request = Answered(command.request)};
  lane_->Commit(std::move(change), [self = shared_from_this(), step = state().step(),
                                    request = std::move(command.request), call = std::move(call)](
                                       const absl::StatusOr<std::int64_t>& durable_step) mutable {
    self->calls_.Conclude(request, std::move(call), SetParametersOutcomeOf(step, durable_step));
  });
}

void Writer::Update(UpdateModelCommand command, CallContext context, Reply<ModelInfo> reply) {
  Queue(Call<ModelInfo>(std::move(context), std::move(reply)), /*bytes=*/0,
        ParametersCost(*publication()->network()),
        [command = std::move(command)](Writer* self, Call<ModelInfo> call) mutable {
          self->UpdateNow(std::move(command), std::move(call));
        });
}

void Writer::UpdateNow(UpdateModelCommand command, Call<ModelInfo> call) {
  if (!calls_.Begin(command.request, &call)) return;
  ModelSettings settings = state().settings();
  // In the enum's order, a durability promises less than those before it.
  const bool raised = command.durability.value_or(settings.durability) < settings.durability;
  if (command.optimizer.has_value()) settings.optimizer = *command.optimizer;
  if (command.durability.has_value()) settings.durability = *command.durability;
  if (command.labels.has_value()) settings.labels = *std::move(command.labels);
  if (command.client_data.has_value()) settings.client_data = *std::move(command.client_data);
  // A model that nothing is kept of would have nothing to go back to if this failed half-way.
  absl::Status status = raised ? state().journal()->status() : absl::OkStatus();
  if (status.ok()) status = state().model()->SetSettings(std::move(settings));
  if (!status.ok()) {
    calls_.Conclude<ModelInfo>(command.request, std::move(call), std::move(status));
    return;
  }
  ModelInfo info = state().Describe();
  Remember(command.request, kUpdateModel, AnswerOf(info));
  auto reply = [self = shared_from_this(), request = command.request,
                call = std::move(call)](absl::StatusOr<ModelInfo> answer) mutable {
    self->calls_.Conclude(request, std::move(call), std::move(answer));
  };
  if (raised) {
    lane_->SaveCheckpoint(
        /*requested=*/false, lane_->CountImage(),
        [info = std::move(info), reply = std::move(reply), self = shared_from_this(),
         settings = state().settings()](absl::StatusOr<CheckpointInfo> saved) mutable {
          if (!saved.ok()) {
            self->publication()->Fail(saved.status());
            reply(std::move(saved).status());
            return;
          }
          info.durable_step = saved->step;
          self->publication()->SetSettings(std::move(settings));
          reply(std::move(info));
        });
    return;
  }
  lane_->Commit({.update = store::SettingsUpdate{state().settings()},
                 .result = {.step = state().step()},
                 .request = Answered(command.request)},
                WithDurableStep(std::move(info), std::move(reply)));
}

void Writer::Info(CallContext context, Reply<ModelInfo> reply) {
  if (publication()->ReadStatus().ok() && !publication()->WriteStatus().ok()) {
    // What was published stays readable; the state behind it is gone.
    std::move(reply)(publication()->Describe());
    return;
  }
  Queue(Call<ModelInfo>(std::move(context), std::move(reply)), /*bytes=*/0,
        ParametersCost(*publication()->network()),
        [](Writer* self, Call<ModelInfo> call) { self->InfoNow(std::move(call)); });
}

void Writer::InfoNow(Call<ModelInfo> call) {
  state().Sync(WithDurableStep(state().Describe(),
                               [call = std::move(call)](absl::StatusOr<ModelInfo> info) mutable {
                                 std::move(call).Answer(std::move(info));
                               }));
}

void Writer::Export(const ExportModelCommand& command, CallContext context,
                    Reply<ExportModelOutcome> reply) {
  if (!command.include_optimizer && publication()->ReadStatus().ok() &&
      !publication()->WriteStatus().ok()) {
    // As for Info: what readers see can still be carried out of here.
    ExportModelOutcome outcome{.info = publication()->Describe(),
                               .network = publication()->network(),
                               .state = {},
                               .memory = nullptr};
    outcome.state.parameters = publication()->snapshot();
    outcome.state.step = outcome.info.step = outcome.state.parameters.step();
    std::move(reply)(std::move(outcome));
    return;
  }
  Queue(Call<ExportModelOutcome>(std::move(context), std::move(reply)), /*bytes=*/0,
        ParametersCost(*publication()->network()),
        [command](Writer* self, Call<ExportModelOutcome> call) {
          self->ExportNow(command, std::move(call));
        });
}

// Parameters are shared, the optimizer's state is copied; both are sent when the updates before
// will last.
void Writer::ExportNow(const ExportModelCommand& command, Call<ExportModelOutcome> call) {
  const Trainer& trainer = state().model()->trainer();
  absl::StatusOr<ExportModelOutcome> outcome =
      CatchExceptions([&]() -> absl::StatusOr<ExportModelOutcome> {
        ExportModelOutcome made{.info = state().Describe(),
                                .network = publication()->network(),
                                .state = {},
                                .memory = nullptr};
        if (command.include_optimizer) {
          ASSIGN_OR_RETURN(MemoryCharge memory, lane_->resources().memory->Reserve(
                                                    MemoryPurpose::kUnsent, state().ImageBytes()));
          made.memory = std::make_shared<const MemoryCharge>(std::move(memory));
          made.state = trainer.GetState();
        } else {
          made.state.step = trainer.step();
          made.state.parameters = trainer.snapshot();
        }
        return made;
      });
  if (!outcome.ok()) {
    std::move(call).Answer(std::move(outcome));
    return;
  }
  state().Sync([outcome = *std::move(outcome),
                call = std::move(call)](absl::StatusOr<std::int64_t> durable_step) mutable {
    if (!durable_step.ok()) {
      std::move(call).Answer(std::move(durable_step).status());
      return;
    }
    outcome.info.durable_step = *durable_step;
    std::move(call).Answer(std::move(outcome));
  });
}

void Writer::ListHistory(ListHistoryCommand command, CallContext context,
                         Reply<ListHistoryOutcome> reply) {
  Queue(Call<ListHistoryOutcome>(std::move(context), std::move(reply)), /*bytes=*/0, /*cost=*/0,
        [command = std::move(command)](Writer* self, Call<ListHistoryOutcome> call) {
          absl::StatusOr<ListHistoryOutcome> page =
              PageOf(self->state().history(), self->state().settings().network.loss, command);
          if (!page.ok()) {
            std::move(call).Answer(std::move(page));
            return;
          }
          self->state().Sync([page = *std::move(page), call = std::move(call)](
                                 const absl::StatusOr<std::int64_t>& durable_step) mutable {
            if (durable_step.ok()) {
              std::move(call).Answer(std::move(page));
            } else {
              std::move(call).Answer(durable_step.status());
            }
          });
        });
}

absl::StatusOr<std::shared_ptr<TrainingSession>> Writer::AttachSession(
    TrainStart start, std::shared_ptr<TrainObserver> observer) {
  RETURN_IF_ERROR(publication()->WriteStatus());
  ASSIGN_OR_RETURN(WorkTicket ticket, lane_->resources().work->Admit(/*bytes=*/0));
  return std::make_shared<AttachedSession>(lane_, std::move(start), std::move(observer),
                                           std::move(ticket));
}

void Writer::EndSessions(absl::Status status) {
  lane_->Post([lane = lane_, status = std::move(status)] { lane->sessions().EndAll(status); });
}

void Writer::Close(std::optional<store::AnsweredRequest> request, store::OnStored done) {
  publication()->Close();
  EndSessions(publication()->ReadStatus());
  lane_->Post(
      [self = shared_from_this(), request = std::move(request), done = std::move(done)]() mutable {
        self->state().Remove(std::move(request), std::move(done));
      });
}

void Writer::Abandon(absl::AnyInvocable<void() &&> done) {
  EndSessions(publication()->WriteStatus());
  lane_->Post([self = shared_from_this(), done = std::move(done)]() mutable {
    self->state().Abandon();
    std::move(done)();
  });
}

}  // namespace descent::models
