// Times what lasting costs: a training stream, single steps and predictions on a model with
// durability JOURNAL beside the same with MEMORY, and a step's latency beside a bare fdatasync of
// as many bytes. Prints one JSON object a line:
//
//   {"kind": "train", "name": "13-64-1, 32 rows", "journal_per_s": …, "memory_per_s": …}
//   {"kind": "step", "journal_us": …, "memory_us": …, "fdatasync_us": …}          medians
//   {"kind": "predict", "name": "…", "journal_us": …, "memory_us": …}             p99 while
//   training
//
// Usage: durability_bench DESCENTD DIRECTORY [rounds [kind]], with the address of a server that
// keeps its data in that directory's file system; `kind` leaves the others out. Everything takes
// its turn in every round.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "bench/service/measuring.h"
#include "client/descent/client.h"
#include "descent/v1/network_service.pb.h"

namespace descent::bench {
namespace {

struct Case {
  std::string name;
  std::int64_t features;
  std::vector<std::int64_t> units;
  std::int64_t rows;
  int count;                 // batches of a round
  std::int64_t buckets = 0;  // of each of four tables; 0: there are none
};
constexpr int kTables = 4;

const std::vector<Case>& Cases() {
  static const auto* const cases = new std::vector<Case>{
      {"13-64-1, 32 rows", 13, {64, 1}, 32, 20000},
      {"784-512-256-10, 128 rows", 784, {512, 256, 10}, 128, 600},
      {"4 tables of 1,000,000 × 16, 13-64-1, 32 rows", 13, {64, 1}, 32, 20000, 1'000'000},
  };
  return *cases;
}

// Of each table the ids of some rows, drawn evenly.
template <typename Message>
void AddCategories(const Case& which, std::int64_t rows, std::mt19937_64* random,
                   Message* message) {
  if (which.buckets == 0) return;
  for (int table = 0; table < kTables; ++table) {
    v1::CategoricalValues* const values = message->add_categories();
    values->set_name(absl::StrCat("c", table));
    std::vector<std::int64_t> ids(static_cast<std::size_t>(rows));
    for (std::int64_t& id : ids) {
      id = static_cast<std::int64_t>((*random)() % static_cast<std::uint64_t>(which.buckets));
    }
    v1::Tensor& tensor = *values->mutable_ids();
    tensor.set_data_type(v1::DATA_TYPE_INT64);
    tensor.add_shape(rows);
    tensor.set_raw(ids.data(), ids.size() * sizeof(std::int64_t));
  }
}

v1::Batch BatchOf(const Case& which, std::uint64_t seed = 0) {
  v1::Batch batch;
  *batch.mutable_inputs() = RandomTensor(which.rows, which.features);
  *batch.mutable_targets() = RandomTensor(which.rows, which.units.back());
  std::mt19937_64 random(seed);
  AddCategories(which, which.rows, &random, &batch);
  return batch;
}

// Batches to be sent in turn: of tables each names other rows.
std::vector<v1::Batch> BatchesOf(const Case& which) {
  std::vector<v1::Batch> batches;
  for (std::uint64_t seed = 0; seed < (which.buckets > 0 ? 500 : 1); ++seed) {
    batches.push_back(BatchOf(which, seed));
  }
  return batches;
}

// The names of the two models of a case.
struct Pair {
  std::string journal;
  std::string memory;
};

Pair CreatePair(const client::Client& client, const Case& which, int number) {
  const Pair names{absl::StrCat("journal-", number), absl::StrCat("memory-", number)};
  v1::Model model = DenseModel(names.journal, which.features, which.units);
  for (int table = 0; which.buckets > 0 && table < kTables; ++table) {
    v1::CategoricalInput* const input = model.mutable_network()->add_categorical_inputs();
    input->set_name(absl::StrCat("c", table));
    input->set_buckets(which.buckets);
    input->set_dimension(16);
  }
  model.set_durability(v1::DURABILITY_JOURNAL);
  Require(client.CreateModel(model));
  model.set_name(names.memory);
  model.set_durability(v1::DURABILITY_MEMORY);
  Require(client.CreateModel(model));
  return names;
}

void Train(const client::Client& client, const std::string& model,
           const std::vector<v1::Batch>& batches, int count) {
  const auto session = Require(client.Train(model, {.ack_every = 0}));
  for (int i = 0; i < count; ++i) {
    Require(session->Send(batches[static_cast<std::size_t>(i) % batches.size()]));
  }
  Require(session->Finish());
}

// Rates of the training stream, round by round.
void MeasureTraining(const client::Client& client, const Case& which, const Pair& names,
                     int rounds) {
  const std::vector<v1::Batch> batches = BatchesOf(which);
  std::vector<double> journal;
  std::vector<double> memory;
  for (int round = -1; round < rounds; ++round) {  // one to warm up
    const double with = Seconds([&] { Train(client, names.journal, batches, which.count); });
    const double without = Seconds([&] { Train(client, names.memory, batches, which.count); });
    if (round < 0) continue;
    journal.push_back(which.count / with);
    memory.push_back(which.count / without);
  }
  std::printf(
      "{\"kind\": \"train\", \"name\": \"%s\", \"journal_per_s\": %.0f, \"memory_per_s\": %.0f}\n",
      which.name.c_str(), Median(journal), Median(memory));
}

// Appends blocks of `bytes` to a file, waiting for the disk after each.
std::vector<double> TimeSyncs(const std::string& directory, std::size_t bytes, int count) {
  const std::string path = directory + "/durability_bench.tmp";
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  if (file < 0) Require(absl::InternalError("cannot write into " + directory));
  const std::vector<char> block(bytes);
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) {
    seconds.push_back(Seconds([&] {
      if (write(file, block.data(), bytes) < 0 || fdatasync(file) != 0) {
        Require(absl::InternalError("fdatasync failed"));
      }
    }));
  }
  close(file);
  unlink(path.c_str());
  return seconds;
}

std::vector<double> TimeSteps(const client::Client& client, const std::string& model,
                              const v1::Batch& batch, int count) {
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) {
    v1::StepRequest request;
    request.set_model(model);
    *request.mutable_batch() = batch;
    seconds.push_back(Seconds([&] { Require(client.Step(request)); }));
  }
  return seconds;
}

void Append(std::vector<double> more, std::vector<double>* values) {
  values->insert(values->end(), more.begin(), more.end());
}

void MeasureSteps(const client::Client& client, const Case& which, const Pair& names,
                  const std::string& directory, int rounds) {
  const v1::Batch batch = BatchOf(which);
  std::vector<double> journal;
  std::vector<double> memory;
  std::vector<double> syncs;
  for (int round = 0; round < rounds; ++round) {
    Append(TimeSyncs(directory, batch.ByteSizeLong(), 100), &syncs);
    Append(TimeSteps(client, names.journal, batch, 200), &journal);
    Append(TimeSteps(client, names.memory, batch, 200), &memory);
  }
  std::printf(
      "{\"kind\": \"step\", \"journal_us\": %.1f, \"memory_us\": %.1f, "
      "\"fdatasync_us\": %.1f}\n",
      Median(journal) * 1e6, Median(memory) * 1e6, Median(syncs) * 1e6);
}

// Latencies of predictions on `model` while it is trained.
std::vector<double> TimePredictions(const client::Client& client, const Case& which,
                                    const std::string& model, int count) {
  const std::vector<v1::Batch> batches = BatchesOf(which);
  std::atomic<bool> stop{false};
  std::thread trainer([&] {
    while (!stop) Train(client, model, batches, which.count / 20);
  });
  v1::PredictRequest predict;
  predict.set_model(model);
  *predict.mutable_inputs() = RandomTensor(1, which.features);
  std::mt19937_64 random(1);
  AddCategories(which, 1, &random, &predict);
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) {
    seconds.push_back(Seconds([&] { Require(client.Predict(predict)); }));
  }
  stop = true;
  trainer.join();
  return seconds;
}

void MeasurePredictions(const client::Client& client, const Case& which, const Pair& names,
                        int rounds) {
  std::vector<double> journal;
  std::vector<double> memory;
  for (int round = 0; round < rounds; ++round) {
    Append(TimePredictions(client, which, names.journal, 1000), &journal);
    Append(TimePredictions(client, which, names.memory, 1000), &memory);
  }
  std::printf(
      "{\"kind\": \"predict\", \"name\": \"%s\", \"journal_us\": %.1f, \"memory_us\": %.1f}\n",
      which.name.c_str(), Quantile(journal, 0.99) * 1e6, Quantile(memory, 0.99) * 1e6);
}

int Main(const std::string& descentd, const std::string& directory, int rounds,
         const std::string& kind) {
  const auto wanted = [&kind](const char* which) { return kind.empty() || kind == which; };
  const client::Client client = ConnectTo(descentd);
  int number = 0;
  for (const Case& which : Cases()) {
    const Pair names = CreatePair(client, which, number);
    if (wanted("train")) MeasureTraining(client, which, names, rounds);
    if (number == 0 && wanted("step")) MeasureSteps(client, which, names, directory, rounds);
    if (wanted("predict")) MeasurePredictions(client, which, names, rounds);
    Require(client.DeleteModel(names.journal));
    Require(client.DeleteModel(names.memory));
    ++number;
  }
  return 0;
}

}  // namespace
}  // namespace descent::bench

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // see server/main.cc
  if (argc < 3) {
    std::fprintf(stderr, "usage: durability_bench DESCENTD DIRECTORY [rounds [kind]]\n");
    return 64;
  }
  return descent::bench::Main(argv[1], argv[2], argc > 3 ? std::max(1, std::atoi(argv[3])) : 7,
                              argc > 4 ? argv[4] : "");
}
