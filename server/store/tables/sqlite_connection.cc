#include "server/store/tables/sqlite_connection.h"

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/files/sqlite_words.h"

namespace descent::store {

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path, int flags,
                                                             const char* vfs) {
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &database, flags, vfs);
  std::unique_ptr<Connection> connection(new Connection(database));
  if (database == nullptr) return StorageFailed(absl::StrCat(path, ": out of memory"));
  sqlite3_extended_result_codes(database, 1);
  if (code != SQLITE_OK) {
    return StorageFailed(absl::StrCat(path, ": ", connection->ErrorOf(code).message()));
  }
  return connection;
}

absl::Status Connection::Execute(const char* sql) {
  const int code = sqlite3_exec(get(), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ErrorOf(code);
}

absl::StatusOr<std::int64_t> Connection::QueryInt(const char* sql) {
  Statement statement(this, sql);
  ASSIGN_OR_RETURN(const bool found, statement.Next());
  const std::int64_t answer = found ? statement.Int(0) : 0;
  if (found) RETURN_IF_ERROR(statement.Next().status());
  return answer;
}

absl::StatusOr<std::string> Connection::QueryText(const char* sql) {
  Statement statement(this, sql);
  ASSIGN_OR_RETURN(const bool found, statement.Next());
  std::string answer = found ? std::string(statement.Text(0)) : std::string();
  if (found) RETURN_IF_ERROR(statement.Next().status());
  return answer;
}

absl::Status Connection::ErrorOf(int code) const {
  std::string detail = InWords(code);
  // What is known of the last call is of this code only if that is the last call's: moving the log
  // or copying pages has codes that the connection does not hear of.
  const int last = sqlite3_extended_errcode(get());
  if (last == code || last == (code & 0xff)) {
    const std::string_view message = sqlite3_errmsg(get());
    if (message != sqlite3_errstr(code)) absl::StrAppend(&detail, ": ", message.data());
  }
  const int kind = code & 0xff;
  const int system_error = sqlite3_system_errno(get());
  const bool is_input_output = kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN ||
                               kind == SQLITE_READONLY || kind == SQLITE_FULL;
  if (is_input_output && system_error != 0) {
    absl::StrAppend(&detail, ": ", std::generic_category().message(system_error));
  }
  if (kind == SQLITE_FULL || (code == SQLITE_IOERR_WRITE && system_error == EDQUOT)) {
    return StorageFull(detail);
  }
  if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB) return StoredStateDamaged(detail);
  return StorageFailed(detail);
}

void Statement::Start() {
  error_ = SQLITE_OK;
  if (statement_ != nullptr) {
    sqlite3_reset(statement_.get());
    return;
  }
  sqlite3_stmt* statement = nullptr;
  Note(sqlite3_prepare_v3(connection_->get(), sql_, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                          nullptr));
  statement_.reset(statement);
}

absl::StatusOr<bool> Statement::Next() {
  if (statement_ == nullptr) Start();
  if (error_ != SQLITE_OK) return connection_->ErrorOf(error_);
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  absl::Status status = code == SQLITE_DONE ? absl::OkStatus() : connection_->ErrorOf(code);
  Reset();
  if (!status.ok()) return status;
  return false;
}

absl::Status Statement::Run() { return Next().status(); }

void Statement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

std::string_view Statement::Bytes(int column) const {
  // In this order, as SQLite's documentation advises.
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

void Statement::BindOne(int i, std::int64_t value) {
  Note(sqlite3_bind_int64(statement_.get(), i, value));
}

void Statement::BindOne(int i, double value) {
  Note(sqlite3_bind_double(statement_.get(), i, value));
}

void Statement::BindOne(int i, std::string_view value) {
  Note(sqlite3_bind_text64(statement_.get(), i, value.data() == nullptr ? "" : value.data(),
                           value.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::BindOne(int i, Blob value) {
  Note(sqlite3_bind_blob64(statement_.get(), i,
                           value.bytes.data() == nullptr ? "" : value.bytes.data(),
                           value.bytes.size(), SQLITE_STATIC));
}

}  // namespace descent::store
