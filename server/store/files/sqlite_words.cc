#include "server/store/files/sqlite_words.h"

#include <sqlite3.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace descent::store {
namespace {

struct Words {
  int code;
  const char* name;
  const char* words;  // null: SQLite's own say it
};

// Kinds, and those of their varieties that are about a disk.
constexpr Words kWords[] = {
    {SQLITE_ERROR, "SQLITE_ERROR", nullptr},
    {SQLITE_INTERNAL, "SQLITE_INTERNAL", nullptr},
    {SQLITE_PERM, "SQLITE_PERM", nullptr},
    {SQLITE_ABORT, "SQLITE_ABORT", nullptr},
    {SQLITE_BUSY, "SQLITE_BUSY", "another process has the file locked"},
    {SQLITE_LOCKED, "SQLITE_LOCKED", nullptr},
    {SQLITE_NOMEM, "SQLITE_NOMEM", nullptr},
    {SQLITE_READONLY, "SQLITE_READONLY", "the file can only be read"},
    {SQLITE_INTERRUPT, "SQLITE_INTERRUPT", nullptr},
    {SQLITE_IOERR, "SQLITE_IOERR", "reading or writing failed"},
    {SQLITE_CORRUPT, "SQLITE_CORRUPT", nullptr},
    {SQLITE_NOTFOUND, "SQLITE_NOTFOUND", nullptr},
    {SQLITE_FULL, "SQLITE_FULL", "the disk is full"},
    {SQLITE_CANTOPEN, "SQLITE_CANTOPEN", "the file can't be opened"},
    {SQLITE_PROTOCOL, "SQLITE_PROTOCOL", nullptr},
    {SQLITE_SCHEMA, "SQLITE_SCHEMA", nullptr},
    {SQLITE_TOOBIG, "SQLITE_TOOBIG", nullptr},
    {SQLITE_CONSTRAINT, "SQLITE_CONSTRAINT", nullptr},
    {SQLITE_MISMATCH, "SQLITE_MISMATCH", nullptr},
    {SQLITE_MISUSE, "SQLITE_MISUSE", nullptr},
    {SQLITE_NOLFS, "SQLITE_NOLFS", nullptr},
    {SQLITE_AUTH, "SQLITE_AUTH", nullptr},
    {SQLITE_RANGE, "SQLITE_RANGE", nullptr},
    {SQLITE_NOTADB, "SQLITE_NOTADB", nullptr},
    {SQLITE_IOERR_READ, "SQLITE_IOERR_READ", "reading failed"},
    {SQLITE_IOERR_SHORT_READ, "SQLITE_IOERR_SHORT_READ", "the file is shorter than it should be"},
    {SQLITE_IOERR_WRITE, "SQLITE_IOERR_WRITE", "writing failed"},
    {SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC", "syncing failed"},
    {SQLITE_IOERR_DIR_FSYNC, "SQLITE_IOERR_DIR_FSYNC", "syncing the directory failed"},
    {SQLITE_IOERR_TRUNCATE, "SQLITE_IOERR_TRUNCATE", "cutting the file short failed"},
    {SQLITE_IOERR_FSTAT, "SQLITE_IOERR_FSTAT", "asking for the file's size failed"},
    {SQLITE_IOERR_UNLOCK, "SQLITE_IOERR_UNLOCK", "unlocking failed"},
    {SQLITE_IOERR_RDLOCK, "SQLITE_IOERR_RDLOCK", "locking failed"},
    {SQLITE_IOERR_LOCK, "SQLITE_IOERR_LOCK", "locking failed"},
    {SQLITE_IOERR_DELETE, "SQLITE_IOERR_DELETE", "deleting the file failed"},
    {SQLITE_IOERR_DELETE_NOENT, "SQLITE_IOERR_DELETE_NOENT", "the file has gone"},
    {SQLITE_IOERR_ACCESS, "SQLITE_IOERR_ACCESS", "looking for the file failed"},
    {SQLITE_IOERR_CLOSE, "SQLITE_IOERR_CLOSE", "closing the file failed"},
    {SQLITE_IOERR_NOMEM, "SQLITE_IOERR_NOMEM", "out of memory"},
    {SQLITE_IOERR_CORRUPTFS, "SQLITE_IOERR_CORRUPTFS", "the file system is damaged"},
    {SQLITE_IOERR_DATA, "SQLITE_IOERR_DATA", "a checksum does not match"},
    {SQLITE_CANTOPEN_ISDIR, "SQLITE_CANTOPEN_ISDIR", "a directory is in the file's place"},
    {SQLITE_CANTOPEN_FULLPATH, "SQLITE_CANTOPEN_FULLPATH", "the path is too long"},
    {SQLITE_READONLY_DBMOVED, "SQLITE_READONLY_DBMOVED", "the file was moved or deleted"},
    {SQLITE_READONLY_DIRECTORY, "SQLITE_READONLY_DIRECTORY", "the directory can't be written"},
    {SQLITE_CORRUPT_SEQUENCE, "SQLITE_CORRUPT_SEQUENCE", nullptr},
    {SQLITE_CORRUPT_INDEX, "SQLITE_CORRUPT_INDEX", nullptr},
};

const Words* Find(int code) {
  const auto* found = std::find_if(std::begin(kWords), std::end(kWords),
                                   [code](const Words& words) { return words.code == code; });
  return found == std::end(kWords) ? nullptr : found;
}

}  // namespace

std::string InWords(int code) {
  const Words* words = Find(code);
  const Words* kind = words != nullptr ? words : Find(code & 0xff);
  const char* text = kind != nullptr && kind->words != nullptr ? kind->words : sqlite3_errstr(code);
  if (words != nullptr) return absl::StrCat(text, " (", words->name, ")");
  if (kind != nullptr) return absl::StrCat(text, " (", kind->name, ", code ", code, ")");
  return absl::StrCat(text, " (SQLite's code ", code, ")");
}

}  // namespace descent::store
