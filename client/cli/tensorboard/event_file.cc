#include "client/cli/tensorboard/event_file.h"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/cli/failure.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;

constexpr absl::string_view kEventFilePrefix = "events.out.tfevents.";
constexpr absl::string_view kEventsVersion = "brain.Event:2";

// The fields' numbers.
constexpr int kWallTime = 1;
constexpr int kStep = 2;
constexpr int kFileVersion = 3;
constexpr int kSummary = 5;
constexpr int kSummaryValue = 1;
constexpr int kTag = 1;
constexpr int kSimpleValue = 2;
constexpr int kSessionLog = 7;
constexpr int kSessionStatus = 1;
constexpr int kSessionStart = 1;

absl::Status EventFileError(const std::string& path, int error) {
  return FileError(path, std::generic_category().message(error));
}

// CRC-32C (Castagnoli), so masked that a checksum of data that hold checksums is none of theirs.
uint32_t MaskedChecksum(absl::string_view data) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(data.data(), data.size());
  const uint32_t checksum = crc.checksum();
  return ((checksum >> 15) | (checksum << 17)) + 0xA282EAD8U;
}

template <typename Number>
void AppendLowFirst(Number number, std::string* bytes) {
  for (size_t i = 0; i < sizeof(number); ++i) {
    *bytes += static_cast<char>(number >> (8 * i) & 0xFF);
  }
}

// A message that is written field by field.
template <typename WriteFields>
std::string Encoded(WriteFields write) {
  std::string bytes;
  {
    StringOutputStream stream(&bytes);
    CodedOutputStream out(&stream);
    write(&out);
  }
  return bytes;
}

void WriteText(int field, absl::string_view text, CodedOutputStream* out) {
  WireFormatLite::WriteString(field, std::string(text), out);
}

void WriteBytes(int field, const std::string& message, CodedOutputStream* out) {
  WireFormatLite::WriteBytes(field, message, out);
}

// What is too large for a float is infinite.
float FloatOf(double number) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  if (std::abs(number) <= kLargest || std::isnan(number)) return static_cast<float>(number);
  return number < 0 ? -INFINITY : INFINITY;
}

std::string SummaryOf(absl::Span<const Scalar> scalars) {
  return Encoded([scalars](CodedOutputStream* out) {
    for (const Scalar& scalar : scalars) {
      WriteBytes(kSummaryValue, Encoded([&scalar](CodedOutputStream* value) {
                   WriteText(kTag, scalar.tag, value);
                   WireFormatLite::WriteFloat(kSimpleValue, FloatOf(scalar.value), value);
                 }),
                 out);
    }
  });
}

std::string HostName() {
  std::array<char, 256> name = {};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return absl::StrReplaceAll(name.data(), {{"/", "_"}});
}

// The latest second that a file of the directory is of; 0 if there are none.
int64_t LatestOf(const std::string& directory) {
  int64_t latest = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator file(directory, error), end; !error && file != end;
       file.increment(error)) {
    const std::string name = file->path().filename().string();
    absl::string_view rest = name;
    int64_t seconds = 0;
    if (absl::ConsumePrefix(&rest, kEventFilePrefix) &&
        absl::SimpleAtoi(rest.substr(0, rest.find('.')), &seconds)) {
      latest = std::max(latest, seconds);
    }
  }
  return latest;
}

}  // namespace

std::string EventRecord(absl::string_view data) {
  std::string record;
  AppendLowFirst(static_cast<uint64_t>(data.size()), &record);
  AppendLowFirst(MaskedChecksum(record), &record);
  absl::StrAppend(&record, data);
  AppendLowFirst(MaskedChecksum(data), &record);
  return record;
}

absl::StatusOr<std::unique_ptr<EventFile>> EventFile::Create(const std::string& directory,
                                                             absl::Time now) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return EventFileError(directory, error.value());
  const int64_t seconds = std::max(absl::ToUnixSeconds(now), LatestOf(directory) + 1);
  constexpr int kTries = 100;  // others may write into the directory as well
  for (int number = 0; number < kTries; ++number) {
    const std::string path =
        (std::filesystem::path(directory) / absl::StrFormat("%s%010d.%s.%d.%d", kEventFilePrefix,
                                                            seconds, HostName(), getpid(), number))
            .string();
    constexpr mode_t kEverybodyReads = 0644;
    const int descriptor =
        open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, kEverybodyReads);
    if (descriptor < 0 && errno == EEXIST) continue;
    if (descriptor < 0) return EventFileError(path, errno);
    std::unique_ptr<EventFile> file(new EventFile(path, descriptor));
    RETURN_IF_ERROR(file->Write(Encoded([now](CodedOutputStream* out) {
      WireFormatLite::WriteDouble(kWallTime, absl::ToDoubleSeconds(now - absl::UnixEpoch()), out);
      WriteText(kFileVersion, kEventsVersion, out);
    })));
    return file;
  }
  return FileError(directory, "there are too many files of events");
}

EventFile::~EventFile() { close(descriptor_); }

absl::Status EventFile::BeginAt(int64_t step, absl::Time time) {
  const std::string session = Encoded([](CodedOutputStream* out) {
    WireFormatLite::WriteEnum(kSessionStatus, kSessionStart, out);
  });
  return Write(Encoded([&](CodedOutputStream* out) {
    WireFormatLite::WriteDouble(kWallTime, absl::ToDoubleSeconds(time - absl::UnixEpoch()), out);
    WireFormatLite::WriteInt64(kStep, step, out);
    WriteBytes(kSessionLog, session, out);
  }));
}

absl::Status EventFile::Add(int64_t step, absl::Time time, absl::Span<const Scalar> scalars) {
  const std::string summary = SummaryOf(scalars);
  return Write(Encoded([&](CodedOutputStream* out) {
    WireFormatLite::WriteDouble(kWallTime, absl::ToDoubleSeconds(time - absl::UnixEpoch()), out);
    WireFormatLite::WriteInt64(kStep, step, out);
    WriteBytes(kSummary, summary, out);
  }));
}

absl::Status EventFile::Write(absl::string_view event) const {
  const std::string record = EventRecord(event);
  absl::string_view rest = record;
  while (!rest.empty()) {
    const ssize_t written = write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return EventFileError(path_, errno);
    rest.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace descent::cli
