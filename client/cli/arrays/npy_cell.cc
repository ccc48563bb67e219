#include "client/cli/arrays/npy_cell.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "client/cli/text/charset.h"

namespace descent::cli {
namespace {

uint64_t BitsOf(const char* bytes, size_t count, bool big_endian) {
  uint64_t bits = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t at = big_endian ? i : count - 1 - i;
    bits = bits << 8 | static_cast<unsigned char>(bytes[at]);
  }
  return bits;
}

template <typename To, typename From>
To BitCast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

// IEEE 754's binary16.
double HalfOf(uint64_t bits) {
  const int exponent = static_cast<int>(bits >> 10 & 0x1F);
  const auto fraction = static_cast<double>(bits & 0x3FF);
  double magnitude = 0;
  if (exponent == 0x1F) {
    magnitude = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    magnitude = std::ldexp(fraction, -24);
  } else {
    magnitude = std::ldexp(1024 + fraction, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

double FloatOf(uint64_t bits, size_t bytes) {
  if (bytes == 2) return HalfOf(bits);
  if (bytes == 4) return BitCast<float>(static_cast<uint32_t>(bits));
  return BitCast<double>(bits);
}

int64_t SignedOf(uint64_t bits, size_t bytes) {
  const auto unused = static_cast<int>(64 - 8 * bytes);
  return static_cast<int64_t>(bits << unused) >> unused;
}

template <typename Number>
void Spell(Number number, std::string* cell) {
  std::array<char, 32> text;
  cell->assign(text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr);
}

void SpellFloat(double number, std::string* cell) {
  constexpr double kExactInteger = 1e15;
  if (std::isnan(number)) {
    cell->clear();
  } else if (std::isinf(number)) {
    *cell = number < 0 ? "-inf" : "inf";
  } else if (std::abs(number) < kExactInteger && number == std::trunc(number) &&
             !(number == 0 && std::signbit(number))) {
    Spell(static_cast<int64_t>(number), cell);
  } else {
    Spell(number, cell);
  }
}

bool AppendUtf8(uint64_t point, std::string* text) {
  const auto append = [text](uint64_t byte) { *text += static_cast<char>(byte); };
  const bool surrogate = point >= 0xD800 && point < 0xE000;
  if (point == 0 || surrogate || point > 0x10FFFF) return false;
  if (point < 0x80) {
    append(point);
  } else if (point < 0x800) {
    append(0xC0 | point >> 6);
    append(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    append(0xE0 | point >> 12);
    append(0x80 | (point >> 6 & 0x3F));
    append(0x80 | (point & 0x3F));
  } else {
    append(0xF0 | point >> 18);
    append(0x80 | (point >> 12 & 0x3F));
    append(0x80 | (point >> 6 & 0x3F));
    append(0x80 | (point & 0x3F));
  }
  return true;
}

bool TakeBytes(absl::string_view bytes, std::string* cell) {
  bytes = bytes.substr(0, bytes.find_last_not_of('\0') + 1);
  cell->assign(bytes.data(), bytes.size());
  return !absl::StrContains(bytes, '\0') && FirstNotUtf8(bytes) == absl::string_view::npos;
}

bool TakeText(const NpyField& field, const char* characters, std::string* cell) {
  constexpr size_t kBytes = 4;
  const auto point = [&](size_t i) {
    return BitsOf(characters + kBytes * i, kBytes, field.big_endian);
  };
  size_t count = field.bytes / kBytes;
  while (count > 0 && point(count - 1) == 0) --count;
  cell->clear();
  for (size_t i = 0; i < count; ++i) {
    if (!AppendUtf8(point(i), cell)) return false;
  }
  return true;
}

}  // namespace

bool TakeCell(const NpyField& field, const char* item, std::string* cell) {
  const char* bytes = item + field.offset;
  if (field.kind == NpyKind::kBytes) {
    return TakeBytes(absl::string_view(bytes, field.bytes), cell);
  }
  if (field.kind == NpyKind::kText) return TakeText(field, bytes, cell);
  const uint64_t bits = BitsOf(bytes, field.bytes, field.big_endian);
  switch (field.kind) {
    case NpyKind::kBool:
      *cell = bits == 0 ? "0" : "1";
      break;
    case NpyKind::kSigned:
      Spell(SignedOf(bits, field.bytes), cell);
      break;
    case NpyKind::kUnsigned:
      Spell(bits, cell);
      break;
    default:
      SpellFloat(FloatOf(bits, field.bytes), cell);
      break;
  }
  return true;
}

}  // namespace descent::cli
