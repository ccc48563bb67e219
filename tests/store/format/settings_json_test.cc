#include "server/store/format/settings_json.h"

#include <limits>
#include <string>
#include <string_view>

#include "core/layers/kinds.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/format/settings_kinds.h"
#include "tests/store/damage.h"
#include "tests/store/format/hex.h"
#include "tests/store/format/random_value.h"
#include "tests/store/format/same_bits.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using descent::testing::IsOk;
using descent::testing::ReasonIs;
using descent::testing::StatusIs;
using ::testing::HasSubstr;

ModelSettings SmallSettings() {
  ModelSettings settings;
  settings.name = "m";
  settings.network.input_features = 2;
  settings.network.layers.emplace_back(
      DenseSpec{.units = 1,
                .activation = LeakyReluActivation{.alpha = 0.02},
                .bias_initializer = {InitializerKind::kConstant, 1}});
  settings.network.seed = 18446744073709551615U;
  settings.optimizer.learning_rate = 0.1;
  settings.optimizer.algorithm = SgdOptions{};
  settings.labels = {{"owner", "\xc3\xa9quipe"}};
  return settings;
}

// What a person finds in the file, and what later versions have to read.
constexpr std::string_view kSmallJson =
    R"({"name":"m","network":{"input_features":2,"layers":[{"dense":{"units":1,)"
    R"("activation":{"kind":"leaky_relu","alpha":0.02},"omit_bias":false,"kernel_initializer":{},)"
    R"("bias_initializer":{"kind":"constant","scale":1.0}}}],"loss":{"kind":"mean_squared_error"},)"
    R"("data_type":"float32","seed":18446744073709551615},"optimizer":{"learning_rate":0.1,)"
    R"("sgd":{"momentum":0.0,"nesterov":false,"weight_decay":0.0},"schedule":{"constant":{},)"
    R"("warmup_steps":0},"exclude_bias_from_weight_decay":false},"durability":"journal",)"
    R"("labels":{"owner":"équipe"}})";

void ExpectRoundTrip(const ModelSettings& settings) {
  const std::string json = SettingsToJson(settings);
  const auto read = SettingsFromJson(json);
  ASSERT_THAT(read, IsOk()) << json;
  EXPECT_TRUE(SameBits(*read, settings)) << json;
}

TEST(SettingsJsonTest, KeepsTheClientsDataIfThereAreAny) {
  ModelSettings settings = SmallSettings();
  settings.client_data = SharedText("columns");
  EXPECT_THAT(SettingsToJson(settings), HasSubstr(R"(,"client_data":"columns"})"));
  ExpectRoundTrip(settings);
  settings.client_data = SharedText(std::string(1 << 20, 'x'));
  ExpectRoundTrip(settings);
}

TEST(SettingsJsonTest, IsWrittenAsEver) {
  EXPECT_EQ(SettingsToJson(SmallSettings()), kSmallJson);
  const auto read = SettingsFromJson(kSmallJson);
  ASSERT_THAT(read, IsOk());
  EXPECT_TRUE(SameBits(*read, SmallSettings()));
}

// Every kind that can be stored is named where the format is described.
TEST(SettingsJsonTest, EveryKindIsDocumented) {
  const std::string document = StorageFormatDocument();
  const auto expect_named = [&](const auto& rows) {
    for (const auto& row : rows) {
      EXPECT_THAT(document, HasSubstr("`" + std::string(row.name) + "`"));
    }
  };
  expect_named(AlternativeRows(ActivationSpec()));
  expect_named(KindRows(InitializerKind()));
  expect_named(AlternativeRows(LossSpec()));
  expect_named(KindRows(DataType()));
  expect_named(KindRows(Durability()));
  expect_named(AlternativeRows(OptimizerOptions()));
  expect_named(AlternativeRows(Decay()));
}

TEST(SettingsJsonTest, EveryFieldRoundTrips) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) ExpectRoundTrip(Random<ModelSettings>(seed));
}

// Every kind of one family, under its name.
template <typename Kind>
void ExpectKindsRoundTrip(Kind* kind, const ModelSettings& settings) {
  for (const auto& row : KindRows(Kind{})) {
    *kind = row.kind;
    ExpectRoundTrip(settings);
    EXPECT_THAT(SettingsToJson(settings), HasSubstr("\"" + std::string(row.name) + "\""));
  }
}

TEST(SettingsJsonTest, EveryKindRoundTripsUnderItsName) {
  ModelSettings settings = SmallSettings();
  auto& layer = std::get<DenseSpec>(settings.network.layers[0]);
  ExpectKindsRoundTrip(&layer.kernel_initializer.kind.emplace(), settings);
  ExpectKindsRoundTrip(&layer.bias_initializer.kind.emplace(), settings);
  ExpectKindsRoundTrip(&settings.network.data_type, settings);
  ExpectKindsRoundTrip(&settings.durability, settings);
}

TEST(SettingsJsonTest, EveryActivationAndLossRoundTripsUnderItsName) {
  RandomValue random(8);
  ModelSettings settings = SmallSettings();
  auto& activation = std::get<DenseSpec>(settings.network.layers[0]).activation;
  const auto expect = [&](std::string_view name) {
    ExpectRoundTrip(settings);
    EXPECT_THAT(SettingsToJson(settings), HasSubstr("{\"kind\":\"" + std::string(name) + "\""));
  };
  for (const auto& row : AlternativeRows(ActivationSpec())) {
    random.FillAlternative(row.value.index(), &activation);
    expect(row.name);
  }
  for (const auto& row : AlternativeRows(LossSpec())) {
    random.FillAlternative(row.value.index(), &settings.network.loss);
    expect(row.name);
  }
}

// Settings were once written without the parameters that had their defaults.
TEST(SettingsJsonTest, ParametersThatAreMissingHaveTheirDefaults) {
  std::string json(kSmallJson);
  const std::string given = R"("leaky_relu","alpha":0.02)";
  const std::string loss = R"("mean_squared_error")";
  json.replace(json.find(given), given.size(), R"("leaky_relu")");
  json.replace(json.find(loss), loss.size(), R"("quantile")");
  const auto read = SettingsFromJson(json);
  ASSERT_THAT(read, IsOk());
  const auto& layer = std::get<DenseSpec>(read->network.layers[0]);
  EXPECT_EQ(std::get<LeakyReluActivation>(layer.activation).alpha, 0.01);
  EXPECT_EQ(std::get<QuantileLoss>(read->network.loss).delta, 0.5);
}

TEST(SettingsJsonTest, EveryLayerRoundTripsUnderItsName) {
  RandomValue random(9);
  ModelSettings settings = SmallSettings();
  for (const LayerInfo& info : Layers()) {
    settings.network.layers = {info.example, ResidualSpec{{info.example}}};
    random.FillAlternative(info.example.index(), &AsVariant(settings.network.layers[0]));
    ExpectRoundTrip(settings);
    EXPECT_THAT(SettingsToJson(settings), HasSubstr("\"" + std::string(info.name) + "\":{"));
  }
}

TEST(SettingsJsonTest, EveryOptimizerAndScheduleRoundTripsUnderItsName) {
  RandomValue random(7);
  ModelSettings settings = SmallSettings();
  for (const auto& optimizer : AlternativeRows(settings.optimizer.algorithm)) {
    for (const auto& decay : AlternativeRows(settings.optimizer.schedule.decay)) {
      random.FillAlternative(optimizer.value.index(), &settings.optimizer.algorithm);
      random.FillAlternative(decay.value.index(), &settings.optimizer.schedule.decay);
      ExpectRoundTrip(settings);
      const std::string json = SettingsToJson(settings);
      EXPECT_THAT(json, HasSubstr("\"" + std::string(optimizer.name) + "\":{"));
      EXPECT_THAT(json, HasSubstr("\"" + std::string(decay.name) + "\":{"));
    }
  }
}

TEST(SettingsJsonTest, DoublesKeepTheirBits) {
  ModelSettings settings = SmallSettings();
  for (const double value : kAwkwardDoubles) {
    settings.optimizer.learning_rate = value;
    settings.optimizer.clip_norm = value;
    ExpectRoundTrip(settings);
  }
}

TEST(SettingsJsonTest, IntegersAreExact) {
  ModelSettings settings = SmallSettings();
  for (const std::int64_t value :
       {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0},
        (std::int64_t{1} << 53) + 1, std::numeric_limits<std::int64_t>::max()}) {
    settings.network.input_features = value;
    settings.network.seed = static_cast<std::uint64_t>(value);
    ExpectRoundTrip(settings);
  }
}

TEST(SettingsJsonTest, TextsMayHoldAnyBytes) {
  for (const std::string& text :
       {std::string(), std::string("\0a\x01\x1f\x7f", 5), std::string("\"\\/\b\n"),
        std::string("\xf0\x9f\x99\x82"), std::string("\xff"), std::string("a\xc3"),
        std::string("\xed\xa0\x80"), std::string("\xc0\x80"), std::string("\xef\xbf\xbd"),
        std::string("\xef\xbb\xbf")}) {
    ModelSettings settings = SmallSettings();
    settings.name = text;
    settings.labels = {{"key", text}, {text, "value"}, {text + "2", text}};
    ExpectRoundTrip(settings);
  }
}

struct Damage {
  const char* name;
  const char* from;  // in kSmallJson
  const char* to;
  const char* problem;
};

const Damage kDamages[] = {
    {"NotJson", "}", "", "settings: not JSON"},
    {"NotAnObject", kSmallJson.data(), "[]", "the object is not an object"},
    {"Missing", R"("units":1,)", "", "network.layers[0].dense.units is missing"},
    {"Unknown", R"("units":1,)", R"("units":1,"colour":1,)",
     "network.layers[0].dense has a field that is not known"},
    {"OtherKindOfLayer", R"("dense":)", R"("sparse":)", "network.layers[0] names no known kind"},
    {"UnknownKind", "leaky_relu", "leaky", "network.layers[0].dense.activation.kind is no known"},
    {"NoKind", R"("kind":"mean_squared_error")", "", "network.loss.kind is missing"},
    {"ParameterOfAnotherKind", R"("mean_squared_error")", R"("mean_squared_error","delta":1.0)",
     "network.loss has a field that is not known"},
    {"KindIsANumber", R"("mean_squared_error")", "1", "network.loss.kind is not a string"},
    {"UnknownOptimizer", R"("sgd")", R"("sgdd")", "optimizer names no known kind"},
    {"TwoOptimizers", R"("sgd":)", R"("adam":{},"sgd":)", "optimizer has a field"},
    {"FractionalUnits", R"("units":1)", R"("units":1.5)", "is not an integer of 64 bits"},
    {"HugeUnits", R"("units":1)", R"("units":9223372036854775808)", "is not an integer of 64 bits"},
    {"HugeSeed", "18446744073709551615", "18446744073709551616",
     "network.seed is not an unsigned integer of 64 bits"},
    {"NegativeSeed", "18446744073709551615", "-1", "network.seed is not an unsigned"},
    {"TextForANumber", "0.02", R"("0.02")", "alpha is not a floating-point number"},
    {"BitsOfAFiniteNumber", "0.02", R"("0x3ff0000000000000")", "alpha is not a floating-point"},
    {"InfiniteNumber", "0.02", "1e999", "not JSON"},
    {"Null", "0.02", "null", "alpha is not a floating-point number"},
    {"TextForABool", "false", R"("false")", "omit_bias is neither true nor false"},
    {"LayersNoArray", R"("layers":[)", R"("layers":3,"layer":[)", "network.layers is not an array"},
    {"LabelIsANumber", "\"\xc3\xa9quipe\"", "1", "labels holds something else than strings"},
    {"LabelsAreText", R"({"owner":"équipe"})", "\"owner\"", "labels is not an object"},
    {"OddHexLabel", R"("labels":{)", R"("labels_hex":{"f":"ff"},"labels":{)",
     "labels_hex holds something else than hexadecimal digits"},
    {"HexName", R"("name":"m")", R"("name_hex":"zz")", "name_hex is not a string of hexadecimal"},
    {"NoName", R"("name":"m",)", "", "name is missing"},
};

class DamagedSettingsTest : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedSettingsTest, AreRefusedByPlaceAndProblem) {
  std::string json(kSmallJson);
  const std::size_t place = json.find(GetParam().from);
  ASSERT_NE(place, std::string::npos);
  json.replace(place, std::string_view(GetParam().from).size(), GetParam().to);
  const auto read = SettingsFromJson(json);
  EXPECT_THAT(read, StatusIs(absl::StatusCode::kDataLoss, HasSubstr(GetParam().problem)));
  EXPECT_THAT(read, ReasonIs("STORED_STATE_DAMAGED"));
}

INSTANTIATE_TEST_SUITE_P(All, DamagedSettingsTest, ::testing::ValuesIn(kDamages),
                         [](const auto& test) { return test.param.name; });

TEST(SettingsJsonTest, CutShortIsRefused) {
  ForEachTruncation(kSmallJson, [](const std::string& json) {
    ASSERT_THAT(SettingsFromJson(json), ReasonIs("STORED_STATE_DAMAGED")) << json;
  });
}

TEST(SettingsJsonTest, ChangedBytesAreRefusedOrOtherSettings) {
  ForEachChangedByte(kSmallJson, [](const std::string& json) {
    const auto read = SettingsFromJson(json);
    if (read.ok()) {
      ExpectRoundTrip(*read);
    } else {
      ASSERT_THAT(read, ReasonIs("STORED_STATE_DAMAGED")) << json;
    }
  });
}

TEST(SettingsJsonTest, DeepNestingIsRefused) {
  EXPECT_THAT(SettingsFromJson(std::string(1 << 20, '[')), ReasonIs("STORED_STATE_DAMAGED"));
  EXPECT_THAT(SettingsFromJson(std::string(1 << 20, '[') + std::string(1 << 20, ']')),
              ReasonIs("STORED_STATE_DAMAGED"));
}

}  // namespace
}  // namespace descent::store
