// backup: copies the server's whole store into a file.

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands/backup_file.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/interrupt.h"
#include "client/cli/display/output.h"
#include "client/cli/display/status_line.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"
#include "clock/steady.h"

namespace descent::cli {
namespace {

struct BackupOptions {
  std::string file;
  bool force = false;
};

std::string ProgressText(int64_t bytes, int64_t total_bytes) {
  const double percent = 100 * static_cast<double>(bytes) / static_cast<double>(total_bytes);
  return absl::StrFormat("backup %3.0f %%  %s of %s", percent, FormatBytes(bytes),
                         FormatBytes(total_bytes));
}

absl::StatusOr<ExitCode> Backup(const BackupOptions& options, const Context& context) {
  const InterruptGuard guard;
  ASSIGN_OR_RETURN(const std::unique_ptr<BackupFile> file,
                   BackupFile::Create(options.file, options.force));
  StatusLine line(stderr, context.json ? StatusLine::Style::kSilent : StatusLine::StyleFor(stderr));
  const absl::Time start = SteadyNow();
  int64_t bytes = 0;
  const auto append = [&](absl::string_view chunk, int64_t total_bytes) -> absl::Status {
    RETURN_IF_ERROR(file->Append(chunk));
    bytes += static_cast<int64_t>(chunk.size());
    if (line.Due(SteadyNow())) line.Show(ProgressText(bytes, total_bytes));
    return absl::OkStatus();
  };
  const auto restart = [&] {
    bytes = 0;
    return file->Restart();
  };
  const absl::Status status = context.client.Backup(
      append, {.cancelled = [&guard] { return guard.interrupted(); }, .restart = restart});
  line.Clear();
  if (absl::IsCancelled(status) && guard.interrupted()) {
    Note("descent: interrupted; nothing was kept");
    return ExitCode::kInterrupted;
  }
  RETURN_IF_ERROR(status);
  RETURN_IF_ERROR(file->Commit());
  const double seconds = absl::ToDoubleSeconds(SteadyNow() - start);
  if (context.json) {
    PrintJson({{"file", options.file}, {"bytes", bytes}, {"seconds", seconds}});
  } else {
    Print(absl::StrFormat("%s in %s, in %.1f s\n", FormatBytes(bytes), options.file, seconds));
  }
  return ExitCode::kOk;
}

constexpr char kBackupFooter[] = R"(
The copy is of one moment and consistent, and the server goes on meanwhile. It is written to
FILE.partial, which takes its name when it is whole and on the disk; Ctrl-C leaves nothing (exit
status 130). To restore it, put it into an empty directory as descent.db and start descentd with
--data-dir on that; `descent verify` checks it first.)";

}  // namespace

void AddBackupCommand(CLI::App* app, Command* chosen) {
  CLI::App* command =
      app->add_subcommand("backup", "Copy everything that the server keeps into a file");
  command->footer(kBackupFooter);
  auto options = std::make_shared<BackupOptions>();
  command->add_option("FILE", options->file, "Where to")->option_text(" ")->required();
  command->add_flag("--force", options->force, "Replace the file if it is there");
  command->callback([options, chosen] {
    *chosen = [options](const Context& context) { return Backup(*options, context); };
  });
}

}  // namespace descent::cli
