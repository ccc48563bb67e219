// SQLite's C interface as far as the store needs it: a connection and its statements.
//
// Not thread-safe: one thread at a time uses a connection with all its statements.

#ifndef SERVER_STORE_TABLES_SQLITE_CONNECTION_H_
#define SERVER_STORE_TABLES_SQLITE_CONNECTION_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::store {

class Connection {
 public:
  // `flags`: SQLITE_OPEN_…; `vfs`: null for the platform's.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, int flags,
                                                          const char* vfs);

  // Runs statements that answer nothing.
  absl::Status Execute(const char* sql);
  // The first column of the only row. A pragma's row comes before its work is committed: it counts
  // when the statement has ended well.
  absl::StatusOr<std::int64_t> QueryInt(const char* sql);
  absl::StatusOr<std::string> QueryText(const char* sql);

  // The status for what SQLite answered last, by kind:
  //   RESOURCE_EXHAUSTED (STORAGE_FULL)    no room
  //   DATA_LOSS (STORED_STATE_DAMAGED)     the file is not what SQLite would have written
  //   UNAVAILABLE (STORAGE_FAILED)         everything else, with the system's reason
  absl::Status ErrorOf(int code) const;

  sqlite3* get() const { return database_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };

  explicit Connection(sqlite3* database) : database_(database) {}

  std::unique_ptr<sqlite3, Close> database_;
};

// Bytes to be bound as a BLOB; text is bound from a string_view.
struct Blob {
  std::string_view bytes;
};

// A statement that is prepared at its first use and kept.
class Statement {
 public:
  // Both must outlive it.
  Statement(Connection* connection, const char* sql) : connection_(connection), sql_(sql) {}

  // Binds all parameters, in order. Texts and blobs are not copied: they must stay as they are
  // until the statement has run. Errors show when it runs.
  template <typename... Values>
  Statement& Bind(const Values&... values) {
    Start();
    [[maybe_unused]] int i = 0;  // of nothing, where there are no values
    (BindOne(++i, values), ...);
    return *this;
  }

  // Runs a statement that answers no rows.
  absl::Status Run();

  // The next row: false at the end, which leaves the statement ready for the next Bind.
  absl::StatusOr<bool> Next();
  // Ends reading before the last row.
  void Reset();

  // Columns of the row, from 0; views last until the next call of Next, Run or Reset.
  std::int64_t Int(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  double Real(int column) const { return sqlite3_column_double(statement_.get(), column); }
  bool Bool(int column) const { return Int(column) != 0; }
  std::string_view Text(int column) const { return Bytes(column); }
  std::string_view Bytes(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  void Start();
  void BindOne(int i, bool value) { BindOne(i, std::int64_t{value}); }
  void BindOne(int i, int value) { BindOne(i, std::int64_t{value}); }
  void BindOne(int i, std::int64_t value);
  void BindOne(int i, double value);
  void BindOne(int i, const std::string& value) { BindOne(i, std::string_view{value}); }
  void BindOne(int i, std::string_view value);
  void BindOne(int i, Blob value);
  void Note(int code) {
    if (error_ == SQLITE_OK) error_ = code;
  }

  Connection* connection_;
  const char* sql_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int error_ = SQLITE_OK;  // of preparing or binding
};

}  // namespace descent::store

#endif  // SERVER_STORE_TABLES_SQLITE_CONNECTION_H_
