// What the store's journal takes. One line of JSON a case:
//
//   store_bench DIRECTORY [SECONDS]
//
// Streams: a caller that appends as fast as the store commits, with a bounded number of records
// outstanding, and takes checkpoints when the store asks for them. "cores" is the time of the
// processor that the store's thread used, in the kernel too, by the time that went by;
// "caller_cores" the same of the caller, who makes the records. "synced_mib_s" of the first case is
// what the disk takes of plain writes of 1 MiB, each synced: the ceiling of the others. Single
// steps: one record at a time, each waited for; beside a plain write and sync of one page. The same
// while one checkpoint after another of 45 MB is written, for what a caller then waits.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "core/check.h"
#include "core/network.h"
#include "core/trainer.h"
#include "server/store/sqlite/sqlite_store.h"

namespace descent::store {
namespace {

// Of RUSAGE_SELF or RUSAGE_THREAD.
double ProcessorSeconds(int whose) {
  rusage usage;
  ::getrusage(whose, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

// The median time of writing `size` bytes over what is there and syncing, in seconds.
double SyncedWrite(const std::string& directory, std::size_t size) {
  const std::string path = directory + "/plain";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT, 0644);
  DESCENT_CHECK(file >= 0);
  const std::string bytes(size, 'x');
  std::vector<double> times;
  for (int i = 0; i < 150; ++i) {
    const auto offset = static_cast<off_t>(static_cast<std::size_t>(i % 50) * size);
    const absl::Time begin = absl::Now();
    DESCENT_CHECK(::pwrite(file, bytes.data(), size, offset) == static_cast<ssize_t>(size));
    DESCENT_CHECK(::fdatasync(file) == 0);
    if (i >= 50) times.push_back(absl::ToDoubleSeconds(absl::Now() - begin));
  }
  ::close(file);
  ::unlink(path.c_str());
  return Median(times);
}

ModelSettings Settings(std::int64_t inputs, std::vector<std::int64_t> widths) {
  ModelSettings settings;
  settings.name = "model";
  settings.network.input_features = inputs;
  for (const std::int64_t units : widths)
    settings.network.layers.emplace_back(DenseSpec{.units = units});
  settings.optimizer.learning_rate = 1e-3;
  settings.optimizer.algorithm = AdamOptions{};
  return settings;
}

UpdateRecord Record(std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                    std::int64_t step) {
  BatchUpdate update;
  update.batch.inputs.Resize(DataType::kFloat32, rows, inputs);
  update.batch.targets = Matrix(DataType::kFloat32, rows, outputs);
  UpdateRecord record;
  record.time = absl::Now();
  record.update = std::move(update);
  record.session = SessionPosition{.session_id = "session", .sequence = step};
  record.result = {.step = step, .loss = 1, .gradient_norm = 1, .learning_rate = 1e-3};
  record.rows = rows;
  return record;
}

struct Opened {
  Opened(const std::string& directory, const ModelSettings& settings) {
    auto opened =
        OpenSqliteStore({.directory = directory, .build = "bench", .instruction_set = ""});
    DESCENT_CHECK(opened.ok());
    store = *std::move(opened);
    auto network = Network::Create(settings.network);
    DESCENT_CHECK(network.ok());
    auto made = Trainer::Create(*network, settings.optimizer, nullptr);
    DESCENT_CHECK(made.ok());
    trainer = *std::move(made);
    absl::Notification created;
    ModelAnswer answer;
    answer.settings = settings;
    answer.create_time = absl::Now();
    store->CreateModel(settings, answer, std::nullopt,
                       [&](absl::StatusOr<std::unique_ptr<Journal>> result) {
                         DESCENT_CHECK(result.ok());
                         journal = *std::move(result);
                         created.Notify();
                       });
    created.WaitForNotification();
  }

  std::unique_ptr<Store> store;
  std::unique_ptr<Trainer> trainer;
  std::unique_ptr<Journal> journal;
};

void Stream(const std::string& directory, const char* name, const ModelSettings& settings,
            std::int64_t rows, std::int64_t most_outstanding, double seconds) {
  const std::int64_t inputs = settings.network.input_features;
  const std::int64_t outputs = std::get<DenseSpec>(settings.network.layers.back()).units;
  Opened opened(directory, settings);
  absl::Mutex mutex;
  std::int64_t outstanding = 0;
  std::int64_t step = 0;
  int checkpoints = 0;
  double longest = 0;  // between callbacks
  const absl::Time begin = absl::Now();
  absl::Time last = begin;
  const double caller_begin = ProcessorSeconds(RUSAGE_THREAD);
  const double processor_begin = ProcessorSeconds(RUSAGE_SELF);
  while (absl::ToDoubleSeconds(absl::Now() - begin) < seconds) {
    {
      const absl::MutexLock lock(&mutex);
      const auto room = [&] { return outstanding < most_outstanding; };
      mutex.Await(absl::Condition(&room));
      ++outstanding;
    }
    opened.journal->Append(Record(rows, inputs, outputs, ++step), nullptr,
                           [&](const absl::StatusOr<std::int64_t>& stored) {
                             DESCENT_CHECK(stored.ok());
                             const absl::MutexLock lock(&mutex);
                             --outstanding;
                             const absl::Time now = absl::Now();
                             longest = std::max(longest, absl::ToDoubleSeconds(now - last));
                             last = now;
                           });
    if (opened.journal->WantsCheckpoint()) {
      ++checkpoints;
      ModelImage image;
      image.settings = settings;
      image.state = opened.trainer->GetState();
      opened.journal->SaveCheckpoint(
          std::move(image), /*requested=*/false,
          [](const absl::StatusOr<CheckpointInfo>& saved) { DESCENT_CHECK(saved.ok()); });
    }
  }
  absl::Notification synced;
  opened.journal->Sync([&](const absl::StatusOr<std::int64_t>&) { synced.Notify(); });
  synced.WaitForNotification();
  const double time = absl::ToDoubleSeconds(absl::Now() - begin);
  const double caller = ProcessorSeconds(RUSAGE_THREAD) - caller_begin;
  const double processor = ProcessorSeconds(RUSAGE_SELF) - processor_begin - caller;
  const auto record_bytes = static_cast<double>(rows * (inputs + outputs)) * 4;
  const auto records = static_cast<double>(step);
  std::printf(
      "{\"case\": \"%s\", \"record_bytes\": %.0f, \"records_s\": %.0f, \"mib_s\": %.1f,"
      " \"longest_wait_ms\": %.0f, \"cores\": %.2f, \"caller_cores\": %.2f, "
      "\"processor_us_record\": %.2f, "
      "\"checkpoints\": %d}\n",
      name, record_bytes, records / time, records * record_bytes / time / (1 << 20), 1e3 * longest,
      processor / time, caller / time, 1e6 * processor / records, checkpoints);
  std::fflush(stdout);
}

// How long one record takes to be durable, in seconds.
double Step(Journal* journal, std::int64_t step) {
  UpdateRecord record = Record(32, 13, 1, step);
  absl::Notification stored;
  const absl::Time begin = absl::Now();
  journal->Append(std::move(record), nullptr,
                  [&](const absl::StatusOr<std::int64_t>&) { stored.Notify(); });
  stored.WaitForNotification();
  return absl::ToDoubleSeconds(absl::Now() - begin);
}

void SingleSteps(const std::string& directory, double seconds) {
  const ModelSettings settings = Settings(13, {64, 1});
  Opened opened(directory, settings);
  std::vector<double> times;
  std::int64_t step = 0;
  const absl::Time end = absl::Now() + absl::Seconds(seconds);
  while (absl::Now() < end) {
    times.push_back(Step(opened.journal.get(), ++step));
  }
  const double plain = SyncedWrite(directory, 65536);
  const double median = Median(times);
  std::printf(
      "{\"case\": \"single step\", \"median_ms\": %.3f, \"plain_64k_sync_ms\": %.3f,"
      " \"steps_s\": %.0f}\n",
      1e3 * median, 1e3 * plain, static_cast<double>(step) / seconds);
}

void StepsBesideCheckpoints(const std::string& directory, double seconds) {
  const ModelSettings settings = Settings(784, {2048, 1024, 10});
  Opened opened(directory, settings);
  std::vector<double> times;
  std::int64_t step = 0;
  int checkpoints = 0;
  const absl::Time begin = absl::Now();
  while (absl::Now() - begin < absl::Seconds(seconds)) {
    std::atomic<bool> is_saved = false;
    ModelImage image;
    image.settings = settings;
    image.state = opened.trainer->GetState();
    opened.journal->SaveCheckpoint(std::move(image), /*requested=*/false,
                                   [&](const absl::StatusOr<CheckpointInfo>& saved) {
                                     DESCENT_CHECK(saved.ok());
                                     is_saved = true;
                                   });
    while (!is_saved) times.push_back(Step(opened.journal.get(), ++step));
    ++checkpoints;
  }
  std::sort(times.begin(), times.end());
  const auto quantile = [&](double share) {
    return 1e3 * times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  std::printf(
      "{\"case\": \"single step beside checkpoints\", \"median_ms\": %.3f, \"p99_ms\": %.3f,"
      " \"longest_ms\": %.3f, \"steps\": %d, \"checkpoint_s\": %.2f}\n",
      quantile(0.5), quantile(0.99), quantile(1), static_cast<int>(times.size()),
      absl::ToDoubleSeconds(absl::Now() - begin) / checkpoints);
}

void Run(const std::string& directory, double seconds) {
  const double synced = SyncedWrite(directory, std::size_t{1} << 20);
  std::printf("{\"case\": \"plain 1 MiB writes\", \"synced_mib_s\": %.1f}\n", 1 / synced);
  std::fflush(stdout);
  const auto fresh = [&](const char* name) {
    std::string path = directory + "/" + name;
    std::filesystem::remove_all(path);
    return path;
  };
  Stream(fresh("small"), "13-64-1, batch 32", Settings(13, {64, 1}), 32, 4096, seconds);
  Stream(fresh("large"), "784-512-256-10, batch 128", Settings(784, {512, 256, 10}), 128, 64,
         seconds);
  SingleSteps(fresh("single"), seconds);
  StepsBesideCheckpoints(fresh("beside"), seconds);
  for (const char* name : {"small", "large", "single", "beside"}) fresh(name);
}

}  // namespace
}  // namespace descent::store

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: store_bench DIRECTORY [SECONDS]\n");
    return 64;
  }
  descent::store::Run(argv[1], argc > 2 ? std::atof(argv[2]) : 5);
  return 0;
}
