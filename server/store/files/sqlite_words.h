// What a code of SQLite's says, in words.

#ifndef SERVER_STORE_FILES_SQLITE_WORDS_H_
#define SERVER_STORE_FILES_SQLITE_WORDS_H_

#include <string>

namespace descent::store {

// "the disk is full (SQLITE_FULL)", "syncing failed (SQLITE_IOERR_FSYNC)"; takes extended codes
// too. Of a code that is not known here, what SQLite calls its kind and the number.
std::string InWords(int code);

}  // namespace descent::store

#endif  // SERVER_STORE_FILES_SQLITE_WORDS_H_
