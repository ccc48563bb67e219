#include "client/cli/tables/generators.h"

#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/failure.h"
#include "client/cli/tables/random.h"

namespace descent::cli {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr uint64_t kGeneratorStream = 2;  // of the seed; see random.cc

// Adds a numeric input to the table.
void AddInput(std::string name, Table* table) {
  const auto field = static_cast<int64_t>(table->inputs.size());
  table->inputs.push_back({{std::move(name), ColumnKind::kNumber, field}, {}, {}, {}});
}

void SetTarget(std::string name, ColumnKind kind, Table* table) {
  const auto field = static_cast<int64_t>(table->inputs.size());
  table->target = Column{{std::move(name), kind, field}, {}, {}, {}};
}

void AddFriedman1Row(double noise, Random* random, Table* table) {
  std::array<double, 10> x{};
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = random->Uniform();
    table->inputs[i].numbers.push_back(x[i]);
  }
  table->target->numbers.push_back(10 * std::sin(kPi * x[0] * x[1]) +
                                   20 * (x[2] - 0.5) * (x[2] - 0.5) + 10 * x[3] + 5 * x[4] +
                                   noise * random->Normal());
}

void AddTwoSpiralsRow(double noise, Random* random, Table* table) {
  constexpr double kMaxAngle = 4 * kPi;
  const auto spiral = static_cast<int32_t>(random->Below(2));
  // The root spreads the points evenly along the arm, whose length grows with the angle's square.
  const double radius = std::sqrt(random->Uniform());
  const double angle = radius * kMaxAngle + spiral * kPi;
  table->inputs[0].numbers.push_back(radius * std::cos(angle) + noise * random->Normal());
  table->inputs[1].numbers.push_back(radius * std::sin(angle) + noise * random->Normal());
  table->target->codes.push_back(spiral);
}

Table EmptyFriedman1() {
  Table table;
  for (int i = 1; i <= 10; ++i) AddInput(absl::StrCat("x", i), &table);
  SetTarget("y", ColumnKind::kNumber, &table);
  return table;
}

Table EmptyTwoSpirals() {
  Table table;
  AddInput("x", &table);
  AddInput("y", &table);
  SetTarget("spiral", ColumnKind::kCategory, &table);
  table.target->categories = {"0", "1"};
  return table;
}

struct Generator {
  const char* name;
  double default_noise;
  Table (*make_empty)();
  void (*add_row)(double noise, Random* random, Table* table);
};

constexpr std::array kGenerators = {
    Generator{"friedman1", 1.0, EmptyFriedman1, AddFriedman1Row},
    Generator{"two-spirals", 0.02, EmptyTwoSpirals, AddTwoSpiralsRow},
};

}  // namespace

std::vector<std::string> GeneratorNames() {
  std::vector<std::string> names;
  for (const Generator& generator : kGenerators) names.emplace_back(generator.name);
  return names;
}

absl::StatusOr<Table> Generate(absl::string_view name, const GeneratorOptions& options) {
  for (const Generator& generator : kGenerators) {
    if (name != generator.name) continue;
    const double noise = options.noise.value_or(generator.default_noise);
    if (options.rows < 0) return UsageError("--rows can't be negative");
    if (!(noise >= 0) || !std::isfinite(noise)) {
      return UsageError("--noise must be a finite number, at least 0");
    }
    Random random(options.seed, kGeneratorStream);
    Table table = generator.make_empty();
    table.source = generator.name;
    for (int64_t row = 0; row < options.rows; ++row) {
      generator.add_row(noise, &random, &table);
      table.lines.push_back(row + 1);
    }
    return table;
  }
  return UsageError(absl::StrCat("--generate: \"", name, "\" is none of ",
                                 absl::StrJoin(GeneratorNames(), ", ")));
}

}  // namespace descent::cli
