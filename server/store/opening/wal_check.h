// Telling damage of the write-ahead log from a commit that a crash has torn.
//
// SQLite reads the log up to the first frame that does not fit and takes that for its end: right
// for a commit that a crash interrupted, but a bit that has flipped in the middle of the log would
// silently take back every commit after it. So the log is looked at before SQLite opens it.
//
// What a crash can leave. A commit's frames are written, then synced, before the next commit begins
// (synchronous=FULL), and a log that goes over old frames again starts with a new header, of one
// sector, synced before its frames. So a crash tears the last commit alone. Any of its frames may
// be missing, also one in the middle; after its last frame there is nothing of this log, since what
// a rollback leaves there goes with the whole log before anything else is committed (see
// StoreThread). Frames of this log bear the header's salts, older ones others.
//
// Each frame's checksum continues that of the frame before, which is stored in it. So a frame after
// a bad one can still be told to be right, from the checksums next to it; one that can't, but whose
// stored checksum the next frame goes on from, has a header that was written so. By these, frames
// show how many commits there have been. It is damage when
//
// - the header is bad and there are frames;
// - of the frames from the first bad one on, two end a commit: the first of them was complete, and
//   acknowledged, before the second began;
// - the first bad frame is right but for one bit of its page, its header or its checksum: a torn
//   write of many sectors does not look like that. This also tells damage of the last commit;
// - there are frames in the log but no database that it could belong to.
//
// What is left, and taken for torn: a last commit with more than one bit wrong, and one before it
// whose last frame has lost its header, since both together look like one commit that was torn.

#ifndef SERVER_STORE_OPENING_WAL_CHECK_H_
#define SERVER_STORE_OPENING_WAL_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "server/store/files/vfs_file.h"

namespace descent::store {

// Looks at the log of the database at `path`, which must not be open. DATA_LOSS
// (STORED_STATE_DAMAGED) if it is damaged, UNAVAILABLE (STORAGE_FAILED) if it can't be read.
absl::Status CheckWal(sqlite3_vfs* vfs, const std::string& path);

}  // namespace descent::store

#endif  // SERVER_STORE_OPENING_WAL_CHECK_H_
