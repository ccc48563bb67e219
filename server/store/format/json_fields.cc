#include "server/store/format/json_fields.h"

#include <bit>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace descent::store {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

int HexValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

std::string HexName(std::string_view name) { return std::string(name) + "_hex"; }

}  // namespace

std::string DoubleBitsText(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  return absl::StrCat("0x", absl::Hex(bits, absl::kZeroPad16));
}

bool ReadDoubleBitsText(const std::string& text, double* value) {
  constexpr std::size_t kLength = 18;
  std::uint64_t bits = 0;
  if (text.size() != kLength || !absl::SimpleHexAtoi(text, &bits)) return false;
  *value = std::bit_cast<double>(bits);
  return DoubleBitsText(*value) == text && !std::isfinite(*value);
}

std::string HexText(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}

bool ReadHexText(std::string_view text, std::string* bytes) {
  if (text.size() % 2 != 0) return false;
  bytes->clear();
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = HexValue(text[i]);
    const int low = HexValue(text[i + 1]);
    if (high < 0 || low < 0) return false;
    *bytes += static_cast<char>(high * 16 + low);
  }
  return true;
}

bool IsUtf8(const std::string& text) {
  // The library alone knows what it takes. It puts another character for what it does not.
  const std::string written = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(written, nullptr, /*allow_exceptions=*/false) == Json(text);
}

void JsonWriter::Field(std::string_view name, const std::string& text) {
  if (IsUtf8(text)) {
    object_[std::string(name)] = text;
  } else {
    object_[HexName(name)] = HexText(text);
  }
}

void JsonWriter::Field(std::string_view name, const TextMap& texts) {
  Json plain = Json::object();
  Json hex = Json::object();
  for (const auto& [key, value] : texts) {
    if (IsUtf8(key) && IsUtf8(value)) {
      plain[key] = value;
    } else {
      hex[HexText(key)] = HexText(value);
    }
  }
  object_[std::string(name)] = std::move(plain);
  if (!hex.empty()) object_[HexName(name)] = std::move(hex);
}

void JsonReader::Field(std::string_view name, std::string& text) {
  if (const Json* field = Take(name)) {
    if (field->is_string()) {
      text = field->get_ref<const std::string&>();
    } else {
      Fail(PathOf(name), "is not a string");
    }
    return;
  }
  const Json* field = Take(HexName(name));
  if (field == nullptr) {
    Fail(PathOf(name), "is missing");
  } else if (!field->is_string() || !ReadHexText(field->get_ref<const std::string&>(), &text)) {
    Fail(PathOf(HexName(name)), "is not a string of hexadecimal digits");
  }
}

void JsonReader::Field(std::string_view name, SharedText& text) {
  std::string read;
  if (object_.contains(std::string(name)) || object_.contains(HexName(name))) Field(name, read);
  text = SharedText(std::move(read));
}

void JsonReader::Field(std::string_view name, TextMap& texts) {
  texts.clear();
  const Json* plain = Take(name);
  if (plain == nullptr || !plain->is_object()) {
    Fail(PathOf(name), "is not an object");
    return;
  }
  for (const auto& [key, value] : plain->items()) {
    if (!value.is_string()) {
      Fail(PathOf(name), "holds something else than strings");
      return;
    }
    texts[key] = value.get_ref<const std::string&>();
  }
  const Json* hex = Take(HexName(name));
  if (hex == nullptr) return;
  if (!hex->is_object()) {
    Fail(PathOf(HexName(name)), "is not an object");
    return;
  }
  for (const auto& [key, value] : hex->items()) {
    std::string key_bytes;
    std::string value_bytes;
    if (!value.is_string() || !ReadHexText(key, &key_bytes) ||
        !ReadHexText(value.get_ref<const std::string&>(), &value_bytes)) {
      Fail(PathOf(HexName(name)), "holds something else than hexadecimal digits");
      return;
    }
    texts[key_bytes] = value_bytes;
  }
}

bool JsonReader::ReadValue(const Json& json, const std::string& path, bool* value,
                           std::string* problem) {
  if (!json.is_boolean()) return Fail(path, "is neither true nor false", problem);
  *value = json.get<bool>();
  return true;
}

bool JsonReader::ReadValue(const Json& json, const std::string& path, std::int64_t* value,
                           std::string* problem) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!json.is_number_integer() ||
      (json.is_number_unsigned() && json.get<std::uint64_t>() > kMost)) {
    return Fail(path, "is not an integer of 64 bits", problem);
  }
  *value = json.get<std::int64_t>();
  return true;
}

bool JsonReader::ReadValue(const Json& json, const std::string& path, std::uint64_t* value,
                           std::string* problem) {
  if (!json.is_number_unsigned()) {
    return Fail(path, "is not an unsigned integer of 64 bits", problem);
  }
  *value = json.get<std::uint64_t>();
  return true;
}

bool JsonReader::ReadValue(const Json& json, const std::string& path, double* value,
                           std::string* problem) {
  if (json.is_number_float()) {
    *value = json.get<double>();
    return true;
  }
  if (json.is_string() && ReadDoubleBitsText(json.get_ref<const std::string&>(), value)) {
    return true;
  }
  return Fail(path, "is not a floating-point number", problem);
}

bool JsonReader::Fail(const std::string& path, std::string_view what, std::string* problem) {
  if (problem->empty()) {
    *problem = path.empty() ? "the object" : path;
    *problem += ' ';
    *problem += what;
  }
  return false;
}

std::string JsonReader::PathOf(std::string_view name) const {
  std::string path = path_;
  if (!path.empty()) path += '.';
  path += name;
  return path;
}

const Json* JsonReader::Take(std::string_view name) {
  const auto field = object_.find(std::string(name));
  if (field == object_.end()) return nullptr;
  ++taken_;
  return &*field;
}

}  // namespace descent::store
