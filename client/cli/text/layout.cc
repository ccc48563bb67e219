#include "client/cli/text/layout.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/text/cells.h"

namespace descent::cli {
namespace {

using Records = std::vector<std::vector<std::string>>;

constexpr size_t kMaxRecords = 200;
constexpr std::array kDelimiters = {'\t', ';', '|', ','};

bool IsBlank(const std::vector<std::string>& record) {
  return record.size() == 1 && record.front().empty();
}

// What is a number in one way or another of writing it.
bool IsNumber(absl::string_view cell) {
  static const auto* formats = new std::vector<CellFormat>{{},
                                                           {.decimal = ',', .thousands = '.'},
                                                           {.decimal = '.', .thousands = ','},
                                                           {.decimal = ',', .thousands = ' '},
                                                           {.decimal = '.', .thousands = ' '},
                                                           {.decimal = '.', .thousands = '\''}};
  return std::any_of(formats->begin(), formats->end(), [cell](const CellFormat& format) {
    return ParseQuantity(cell, format).has_value();
  });
}

// Whether all records but the first have a field more than it, as R's write.table has them: the
// header has no name for the column of row names.
bool HasRowNames(const Records& records) {
  return records.size() > 1 && records.front().size() > 1 &&
         std::all_of(records.begin() + 1, records.end(), [&](const auto& record) {
           return record.size() == records.front().size() + 1;
         });
}

// How well a delimiter cuts the sample.
struct Fit {
  double agreeing = 0;  // the share of records that have the usual number of fields
  double numbers = 0;   // of all fields
};

Fit FitOf(absl::string_view sample, char delimiter) {
  const Records records = SampleRecords(sample, delimiter);
  if (records.empty()) return {};
  const size_t fields = records.back().size();
  if (fields < 2) return {};
  size_t agreeing = HasRowNames(records) ? 1 : 0;
  size_t cells = 0;
  size_t numbers = 0;
  for (const std::vector<std::string>& record : records) {
    agreeing += record.size() == fields ? 1 : 0;
    cells += record.size();
    numbers += std::count_if(record.begin(), record.end(), IsNumber);
  }
  return {static_cast<double>(agreeing) / static_cast<double>(records.size()),
          static_cast<double>(numbers) / static_cast<double>(cells)};
}

// Whether the numbers among the cells are whole and count up, as names that are numbers do: two of
// them by one, more of them evenly.
bool Counts(const std::vector<std::string>& cells) {
  std::vector<double> numbers;
  for (const std::string& cell : cells) {
    const std::optional<double> number = ParseNumber(cell);
    if (!number.has_value()) continue;
    if (!std::all_of(cell.begin(), cell.end(), absl::ascii_isdigit)) return false;
    numbers.push_back(*number);
  }
  if (numbers.size() < 2) return false;
  const double step = numbers[1] - numbers[0];
  for (size_t i = 1; i < numbers.size(); ++i) {
    if (numbers[i] - numbers[i - 1] != step) return false;
  }
  return numbers.size() == 2 ? step == 1 : step > 0;
}

// What the first record says of one column.
struct Sign {
  bool number_above_numbers = false;
  bool text_above_numbers = false;
  bool text_again = false;  // stands below it once more, beside other texts
  bool text = false;
};

Sign SignOf(const Records& records, size_t column) {
  const std::string& first = records.front()[column];
  size_t numbers = 0;
  size_t others = 0;
  bool again = false;
  for (size_t i = 1; i < records.size(); ++i) {
    if (column >= records[i].size() || records[i] == records.front()) continue;
    const std::string& cell = records[i][column];
    if (IsMissingNumber(cell)) continue;
    ++(IsNumber(cell) ? numbers : others);
    again = again || cell == first;
  }
  Sign sign;
  if (IsMissingNumber(first)) return sign;
  const bool is_number = IsNumber(first);
  sign.number_above_numbers = is_number && numbers > others;
  sign.text_above_numbers = !is_number && numbers > others;
  sign.text = !is_number;
  sign.text_again = !is_number && again;
  return sign;
}

bool HasDuplicateNumbers(const std::vector<std::string>& cells) {
  absl::flat_hash_set<std::string> seen;
  return std::any_of(cells.begin(), cells.end(), [&seen](const std::string& cell) {
    return IsNumber(cell) && !seen.insert(cell).second;
  });
}

}  // namespace

Records SampleRecords(absl::string_view sample, char delimiter) {
  Records records;
  std::vector<std::string> record(1);
  bool quoted = false;
  const auto end_field = [&record] {
    record.back() = std::string(absl::StripAsciiWhitespace(record.back()));
  };
  for (size_t i = 0; i < sample.size() && records.size() < kMaxRecords; ++i) {
    const char c = sample[i];
    if (quoted) {
      const bool doubled = c == '"' && i + 1 < sample.size() && sample[i + 1] == '"';
      if (c != '"' || doubled) record.back() += c;
      if (doubled) ++i;
      if (c == '"' && !doubled) quoted = false;
    } else if (c == '"' && absl::StripAsciiWhitespace(record.back()).empty()) {
      quoted = true;
      record.back().clear();
    } else if (c == delimiter) {
      end_field();
      record.emplace_back();
    } else if (c == '\n' || c == '\r') {
      end_field();
      if (!IsBlank(record)) records.push_back(std::move(record));
      record.assign(1, "");
    } else {
      record.back() += c;
    }
  }
  end_field();
  const bool cut = sample.size() >= kSampleBytes && !records.empty();
  if (!cut && !IsBlank(record) && records.size() < kMaxRecords)
    records.push_back(std::move(record));
  return records;
}

char GuessDelimiter(absl::string_view sample) {
  char best = ',';
  Fit best_fit;
  for (const char delimiter : kDelimiters) {
    const Fit fit = FitOf(sample, delimiter);
    if (std::pair(fit.agreeing, fit.numbers) <= std::pair(best_fit.agreeing, best_fit.numbers)) {
      continue;
    }
    best = delimiter;
    best_fit = fit;
  }
  if (best_fit.agreeing > 0) return best;
  // Where nothing else cuts anything: spaces stand in texts, so they have to cut all, and numbers.
  constexpr double kFewestNumbers = 0.25;
  const Fit fit = FitOf(sample, ' ');
  return fit.agreeing == 1 && fit.numbers >= kFewestNumbers ? ' ' : best;
}

bool GuessHeader(const Records& records) {
  if (records.empty() || HasRowNames(records)) return true;
  const std::vector<std::string>& first = records.front();
  size_t texts = 0;
  size_t texts_again = 0;
  bool numbers_above_numbers = false;
  for (size_t column = 0; column < first.size(); ++column) {
    const Sign sign = SignOf(records, column);
    if (sign.text_above_numbers) return true;
    numbers_above_numbers = numbers_above_numbers || sign.number_above_numbers;
    texts += sign.text ? 1 : 0;
    texts_again += sign.text_again ? 1 : 0;
  }
  if (texts_again * 2 > texts) return false;
  if (numbers_above_numbers) return Counts(first) && !HasDuplicateNumbers(first);
  return true;
}

std::string NameOfDelimiter(char delimiter) {
  switch (delimiter) {
    case ',':
      return "a comma";
    case ';':
      return "a semicolon";
    case '\t':
      return "a tab";
    case '|':
      return "a pipe";
    case ' ':
      return "a space";
    default:
      return absl::StrCat("\"", std::string(1, delimiter), "\"");
  }
}

}  // namespace descent::cli
