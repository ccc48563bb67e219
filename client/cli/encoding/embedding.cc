#include "client/cli/encoding/embedding.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/format.h"

namespace descent::cli {
namespace {

constexpr size_t kLongestName = 63;

bool IsLetter(char c) { return absl::ascii_islower(static_cast<unsigned char>(c)); }
bool IsInner(char c) {
  return IsLetter(c) || absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '_';
}
bool IsReserved(absl::string_view name) { return name == "inputs" || name == "outputs"; }

// Whether it goes on with a character of UTF-8 rather than beginning one.
bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::string SizesText(absl::string_view name, int64_t buckets, int64_t dimension) {
  return absl::StrCat(Shortened(name), " ", FormatCount(buckets), " x ", FormatCount(dimension));
}

// Of more than five, how many: a model of others may have a thousand.
std::string Listed(const std::vector<std::string>& texts) {
  constexpr size_t kShown = 5;
  if (texts.size() <= kShown) return absl::StrJoin(texts, ", ");
  const std::vector<std::string> shown(texts.begin(), texts.begin() + kShown);
  return absl::StrCat(absl::StrJoin(shown, ", "), ", ... (", texts.size(), ")");
}

}  // namespace

bool IsCategoricalInputName(absl::string_view name) {
  return !name.empty() && name.size() <= kLongestName && IsLetter(name[0]) &&
         std::all_of(name.begin(), name.end(), IsInner) && !IsReserved(name);
}

std::string CategoricalInputName(absl::string_view column,
                                 absl::flat_hash_set<std::string>* taken) {
  std::string name;
  for (const char c : column) {
    if (name.size() == kLongestName) break;
    if (IsContinuation(c)) continue;
    const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
    name.push_back(IsInner(lower) ? lower : '_');
  }
  if (name.empty() || !IsLetter(name[0]) || IsReserved(name)) name.insert(0, "column_");
  name.resize(std::min(name.size(), kLongestName));
  std::string unique = name;
  for (int64_t count = 2; !taken->insert(unique).second; ++count) {
    const std::string suffix = absl::StrCat("_", count);
    unique = absl::StrCat(name.substr(0, kLongestName - suffix.size()), suffix);
  }
  return unique;
}

int64_t DefaultDimension(int64_t categories) {
  constexpr int64_t kLeast = 2;
  constexpr int64_t kMost = 64;
  const double rule = std::round(1.6 * std::pow(static_cast<double>(categories), 0.56));
  return std::clamp(static_cast<int64_t>(rule), kLeast, kMost);
}

int64_t DefaultBuckets(int64_t categories) {
  constexpr uint64_t kLeast = 1024;
  constexpr uint64_t kLarge = 65536;
  constexpr uint64_t kMost = uint64_t{1} << 30;  // the contract has room for twice as many less one
  const auto count = static_cast<uint64_t>(categories);
  const uint64_t wanted = std::max(4 * count, std::min(16 * count, kLarge));
  return static_cast<int64_t>(std::bit_ceil(std::clamp(wanted, kLeast, kMost)));
}

std::vector<v1::CategoricalInput> CategoricalInputsOf(const Encoding& encoding,
                                                      const v1::Initializer& initializer) {
  std::vector<v1::CategoricalInput> inputs;
  for (const EmbeddedEncoding* embedded : encoding.embedded()) {
    v1::CategoricalInput& input = inputs.emplace_back();
    input.set_name(embedded->input);
    input.set_buckets(embedded->buckets);
    input.set_dimension(embedded->dimension);
    input.set_hashing(v1::HASHING_XXH64);
    *input.mutable_initializer() = initializer;
  }
  return inputs;
}

absl::Status CheckEmbedded(const Encoding& encoding, const v1::NetworkSpec& network) {
  const std::vector<const EmbeddedEncoding*> embedded = encoding.embedded();
  absl::flat_hash_map<absl::string_view, const v1::CategoricalInput*> by_name;
  for (const v1::CategoricalInput& input : network.categorical_inputs()) {
    by_name[input.name()] = &input;
  }
  const bool same =
      by_name.size() == embedded.size() &&
      by_name.size() == static_cast<size_t>(network.categorical_inputs_size()) &&
      std::all_of(embedded.begin(), embedded.end(), [&](const EmbeddedEncoding* each) {
        const auto found = by_name.find(each->input);
        return found != by_name.end() && found->second->buckets() == each->buckets &&
               found->second->dimension() == each->dimension &&
               found->second->hashing() == v1::HASHING_XXH64;
      });
  if (same) return absl::OkStatus();
  std::vector<std::string> columns;
  for (const EmbeddedEncoding* each : embedded) {
    columns.push_back(SizesText(each->input, each->buckets, each->dimension));
  }
  const std::string tables = TablesText(network);
  return absl::FailedPreconditionError(absl::StrCat(
      columns.empty() ? "no column is embedded"
                      : absl::StrCat("columns are embedded, with hashing, as ", Listed(columns)),
      ", and the network's categorical inputs are ", tables.empty() ? "none" : tables));
}

std::string TablesText(const v1::NetworkSpec& network) {
  std::vector<std::string> tables;
  for (const v1::CategoricalInput& input : network.categorical_inputs()) {
    tables.push_back(absl::StrCat(SizesText(input.name(), input.buckets(), input.dimension()),
                                  input.hashing() == v1::HASHING_XXH64 ? "" : " without hashing"));
  }
  return Listed(tables);
}

}  // namespace descent::cli
