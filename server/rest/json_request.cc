#include "server/rest/json_request.h"

#include <bit>
#include <cstddef>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/text_view.h"
#include "nlohmann/json.hpp"

namespace descent::rest {
namespace {

using nlohmann::json;
using Parameters = google::protobuf::Map<std::string, inference::InferParameter>;
using Scalar = std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string>;

constexpr char kExpectedData[] = "expected numbers or texts";
constexpr char kRagged[] = "expected one array, or arrays within it that are all as long";

template <typename T>
void Append(T value, std::string* raw) {
  static_assert(std::endian::native == std::endian::little);
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  raw->append(bytes, sizeof bytes);
}

// What the parser is in.
enum class Place : std::uint8_t {
  kStart,
  kRequest,
  kInputs,
  kInput,
  kShape,
  kData,
  kOutputs,
  kOutput,
  kParameters,
  kIgnored,  // within a parameter that has members of its own
};

// Members of objects at `place`, in quotes where a message names them.
const std::set<std::string>& MembersOf(Place place) {
  static const auto* const request = new std::set<std::string>{
      "id", "model_name", "model_version", "parameters", "inputs", "outputs"};
  static const auto* const input =
      new std::set<std::string>{"name", "shape", "datatype", "parameters", "data"};
  static const auto* const output = new std::set<std::string>{"name", "parameters"};
  return place == Place::kRequest ? *request : place == Place::kInput ? *input : *output;
}

// Whether the arrays of data, one within another, make a rectangle: those at one depth are all as
// long, and elements are at one depth. A flat array is one too.
class Nesting {
 public:
  bool Open() {
    if (!counts_.empty()) {
      if (counts_.size() == depth_of_elements_) return false;
      ++counts_.back();
    }
    counts_.push_back(0);
    return true;
  }
  bool Add() {
    if (depth_of_elements_ == 0) depth_of_elements_ = counts_.size();
    ++counts_.back();
    // There was no array in the place of an element either.
    return counts_.size() == depth_of_elements_ && lengths_.size() <= counts_.size();
  }
  bool Close() {
    const std::size_t length = counts_.back();
    counts_.pop_back();
    const std::size_t depth = counts_.size();
    if (lengths_.size() <= depth) lengths_.resize(depth + 1);
    const std::size_t expected = lengths_[depth].value_or(length);
    lengths_[depth] = expected;
    return expected == length;
  }

 private:
  std::vector<std::size_t> counts_;                  // what each open array has so far
  std::vector<std::optional<std::size_t>> lengths_;  // of the arrays at each depth
  std::size_t depth_of_elements_ = 0;                // 0: there are none yet
};

class RequestReader final : public nlohmann::json_sax<json> {
 public:
  bool null() override { return Take(nullptr); }
  bool boolean(bool value) override { return Take(value); }
  bool number_integer(std::int64_t value) override { return TakeNumber(value); }
  bool number_unsigned(std::uint64_t value) override { return TakeNumber(value); }
  bool number_float(double value, const std::string& /*text*/) override {
    return TakeNumber(value);
  }
  bool string(std::string& value) override {
    return place() == Place::kData ? TakeDataText(value) : Take(std::move(value));
  }
  bool binary(json::binary_t& /*value*/) override { return Fail("", "unexpected bytes"); }

  bool start_object(std::size_t /*elements*/) override {
    switch (place()) {
      case Place::kStart:
        return Enter(Place::kRequest);
      case Place::kInputs:
        request_.message.add_inputs();
        request_.inputs.emplace_back();
        return Enter(Place::kInput);
      case Place::kOutputs:
        request_.message.add_outputs();
        return Enter(Place::kOutput);
      case Place::kRequest:
      case Place::kInput:
      case Place::kOutput:
        if (key_ == "parameters") return Enter(Place::kParameters);
        return Fail(key_, "expected no object");
      case Place::kParameters:
      case Place::kIgnored:
        return Enter(Place::kIgnored);
      case Place::kShape:
        return Fail("", "expected numbers");
      case Place::kData:
        return Fail("", kExpectedData);
    }
    return false;
  }

  bool start_array(std::size_t /*elements*/) override {
    switch (place()) {
      case Place::kRequest:
        if (key_ == "inputs") return Enter(Place::kInputs);
        if (key_ == "outputs") return Enter(Place::kOutputs);
        return Fail(key_, "expected no array");
      case Place::kInput:
        if (key_ == "shape") return Enter(Place::kShape);
        if (key_ == "data") {
          request_.inputs.back().has_data = true;
          nesting_ = {};
          return EnterData();
        }
        return Fail(key_, "expected no array");
      case Place::kData:
        return EnterData();
      case Place::kParameters:
      case Place::kIgnored:
        return Enter(Place::kIgnored);
      default:
        return Fail(place() == Place::kOutput ? key_ : "", "expected no array");
    }
  }

  bool key(std::string& name) override {
    const Place here = place();
    if (here == Place::kIgnored) return true;
    key_ = std::move(name);
    if (here != Place::kParameters && !MembersOf(here).contains(key_)) {
      return Fail("", absl::StrCat("the protocol has no member ", Quoted(key_)));
    }
    if (!seen_.back().insert(key_).second) return Fail(key_, "is there twice");
    return true;
  }

  bool end_object() override { return Leave(); }
  bool end_array() override {
    if (place() == Place::kData && !nesting_.Close()) return Fail("", kRagged);
    return Leave();
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const json::exception& /*error*/) override {
    status_ = InvalidField("body", absl::StrCat("no JSON from byte ", position, " on"), {},
                           "MALFORMED_JSON");
    return false;
  }

  absl::StatusOr<JsonRequest> Result(bool parsed) && {
    if (parsed) return std::move(request_);
    return status_;
  }

 private:
  Place place() const { return places_.back(); }

  bool Enter(Place place) {
    if (places_.size() > static_cast<std::size_t>(kMostDepth)) {
      return Fail("", absl::StrCat("is nested deeper than ", kMostDepth));
    }
    places_.push_back(place);
    seen_.emplace_back();
    if (place == Place::kParameters) parameters_ = ParametersHere();
    return true;
  }

  bool EnterData() { return nesting_.Open() ? Enter(Place::kData) : Fail("", kRagged); }

  bool Leave() {
    places_.pop_back();
    seen_.pop_back();
    return true;
  }

  // Those of what is entered from.
  Parameters* ParametersHere() {
    switch (places_[places_.size() - 2]) {
      case Place::kInput:
        return request_.message.mutable_inputs()->rbegin()->mutable_parameters();
      case Place::kOutput:
        return request_.message.mutable_outputs()->rbegin()->mutable_parameters();
      default:
        return request_.message.mutable_parameters();
    }
  }

  static std::string Quoted(std::string_view text) {
    constexpr std::size_t kMost = 64;
    return json(text.substr(0, kMost))
        .dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
  }

  // Where the parser is: "inputs[0].shape".
  std::string Path(std::string_view member) const {
    std::string path;
    for (const Place place : places_) {
      switch (place) {
        case Place::kInputs:
          path = "inputs";
          break;
        case Place::kInput:
          path = absl::StrCat("inputs[", request_.inputs.size() - 1, "]");
          break;
        case Place::kOutputs:
          path = "outputs";
          break;
        case Place::kOutput:
          path = absl::StrCat("outputs[", request_.message.outputs_size() - 1, "]");
          break;
        case Place::kShape:
          path = absl::StrCat("inputs[", request_.inputs.size() - 1, "].shape");
          break;
        case Place::kData:
          path = absl::StrCat("inputs[", request_.inputs.size() - 1, "].data");
          break;
        case Place::kParameters:
          absl::StrAppend(&path, path.empty() ? "" : ".", "parameters");
          break;
        case Place::kStart:
        case Place::kRequest:
        case Place::kIgnored:
          break;
      }
    }
    if (path.empty() && member.empty()) return "body";
    const std::string_view shown = member.substr(0, 64);
    if (path.empty()) return std::string(shown);
    return shown.empty() ? path : absl::StrCat(path, ".", View(shown));
  }

  bool Fail(std::string_view member, std::string_view what) {
    status_ = InvalidField(Path(member), what, {}, "MALFORMED_JSON");
    return false;
  }

  template <typename Number>
  bool TakeNumber(Number value) {
    return place() == Place::kData ? TakeDataNumber(value) : Take(value);
  }

  template <typename Number>
  bool TakeDataNumber(Number value) {
    JsonInput& input = request_.inputs.back();
    if (input.kind == JsonData::kTexts) return Fail("", "expected texts, as those before it");
    if (!nesting_.Add()) return Fail("", kRagged);
    ++input.count;
    if constexpr (std::is_integral_v<Number>) {
      if (input.kind != JsonData::kNumbers && std::in_range<std::int64_t>(value)) {
        input.kind = JsonData::kWholeNumbers;
        Append(static_cast<std::int64_t>(value), &input.raw);
        return true;
      }
    }
    RoundToDoubles(&input);
    Append(static_cast<double>(value), &input.raw);
    return true;
  }

  // Which is not to be kept: the parser goes on with its memory.
  bool TakeDataText(std::string_view text) {
    JsonInput& input = request_.inputs.back();
    if (input.kind != JsonData::kNothing && input.kind != JsonData::kTexts) {
      return Fail("", "expected numbers, as those before it");
    }
    if (text.size() > std::numeric_limits<std::uint32_t>::max()) return Fail("", "is too long");
    if (!nesting_.Add()) return Fail("", kRagged);
    input.kind = JsonData::kTexts;
    ++input.count;
    Append(static_cast<std::uint32_t>(text.size()), &input.raw);
    input.raw.append(text);
    return true;
  }

  bool Take(Scalar value) {
    switch (place()) {
      case Place::kRequest:
        if (key_ == "id") return TakeText(value, request_.message.mutable_id());
        if (key_ == "model_name") return TakeText(value, &request_.model_name);
        if (key_ == "model_version") return TakeText(value, &request_.model_version);
        return Fail(key_, key_ == "parameters" ? "expected an object" : "expected an array");
      case Place::kInput: {
        auto* const input = &*request_.message.mutable_inputs()->rbegin();
        if (key_ == "name") return TakeText(value, input->mutable_name());
        if (key_ == "datatype") return TakeText(value, input->mutable_datatype());
        return Fail(key_, key_ == "parameters" ? "expected an object" : "expected an array");
      }
      case Place::kOutput:
        if (key_ == "name") {
          return TakeText(value, request_.message.mutable_outputs()->rbegin()->mutable_name());
        }
        return Fail(key_, "expected an object");
      case Place::kShape:
        return TakeDimension(value);
      case Place::kData:
        return TakeTruth(value);
      case Place::kParameters:
        return TakeParameter(std::move(value));
      case Place::kIgnored:
        return true;
      case Place::kStart:
      case Place::kInputs:
      case Place::kOutputs:
        return Fail("", "expected an object");
    }
    return false;
  }

  bool TakeText(Scalar& value, std::string* text) {
    auto* const given = std::get_if<std::string>(&value);
    if (given == nullptr) return Fail(key_, "expected a text");
    *text = std::move(*given);
    return true;
  }

  bool TakeDimension(const Scalar& value) {
    auto* const shape = request_.message.mutable_inputs()->rbegin()->mutable_shape();
    if (const auto* const whole = std::get_if<std::int64_t>(&value)) {
      shape->Add(*whole);
    } else if (const auto* const positive = std::get_if<std::uint64_t>(&value);
               positive != nullptr && *positive <= INT64_MAX) {
      shape->Add(static_cast<std::int64_t>(*positive));
    } else {
      return Fail("", "expected whole numbers");
    }
    return true;
  }

  bool TakeTruth(const Scalar& value) {
    const auto* const truth = std::get_if<bool>(&value);
    if (truth == nullptr) return Fail("", kExpectedData);
    request_.inputs.back().has_truths = true;
    return TakeDataNumber(std::int64_t{*truth});
  }

  bool TakeParameter(Scalar value) {
    inference::InferParameter parameter;
    if (const auto* const truth = std::get_if<bool>(&value)) parameter.set_bool_param(*truth);
    if (const auto* const whole = std::get_if<std::int64_t>(&value)) {
      parameter.set_int64_param(*whole);
    }
    if (const auto* const positive = std::get_if<std::uint64_t>(&value)) {
      if (*positive <= INT64_MAX) {
        parameter.set_int64_param(static_cast<std::int64_t>(*positive));
      } else {
        parameter.set_uint64_param(*positive);
      }
    }
    if (const auto* const number = std::get_if<double>(&value)) parameter.set_double_param(*number);
    if (auto* const text = std::get_if<std::string>(&value)) {
      parameter.set_string_param(std::move(*text));
    }
    (*parameters_)[key_] = std::move(parameter);
    return true;
  }

  JsonRequest request_;
  std::vector<Place> places_ = {Place::kStart};
  std::vector<std::set<std::string>> seen_ = {{}};  // members of what is open
  std::string key_;
  Parameters* parameters_ = nullptr;
  Nesting nesting_;  // of the data that is read
  absl::Status status_ = absl::OkStatus();
};

}  // namespace

void RoundToDoubles(JsonInput* input) {
  if (input->kind == JsonData::kWholeNumbers) {
    for (std::size_t at = 0; at < input->raw.size(); at += sizeof(double)) {
      std::int64_t whole = 0;
      std::memcpy(&whole, input->raw.data() + at, sizeof whole);
      const auto number = static_cast<double>(whole);
      std::memcpy(input->raw.data() + at, &number, sizeof number);
    }
  }
  input->kind = JsonData::kNumbers;
}

absl::StatusOr<JsonRequest> ParseJsonRequest(std::string_view text) {
  RequestReader reader;
  const bool parsed = json::sax_parse(text.begin(), text.end(), &reader);
  return std::move(reader).Result(parsed);
}

}  // namespace descent::rest
