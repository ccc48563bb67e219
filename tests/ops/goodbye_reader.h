// What a client that speaks HTTP/2 by itself reads of a server that ends.

#ifndef TESTS_OPS_GOODBYE_READER_H_
#define TESTS_OPS_GOODBYE_READER_H_

#include <algorithm>
#include <string>
#include <vector>

#include "server/ops/frame_walk.h"

namespace descent::ops {

inline const std::string kEmptySettings("\0\0\0\4\0\0\0\0\0", 9);
inline const std::string kClientBegin = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + kEmptySettings;
// For no call that there is, without an error.
inline const std::string kGoodbyeFrame("\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0", 17);

// Whether the bytes are whole frames, among them one such goodbye, and others after it: the server
// went on answering.
inline bool IsAnsweredAfterAGoodbye(const std::string& bytes) {
  FrameWalk walk;
  std::vector<unsigned char> types;
  walk.Take(bytes.data(), bytes.size(), [&types](const FrameHeader& frame) {
    types.push_back(frame.type);
    return true;
  });
  const auto goodbye = std::find(types.begin(), types.end(), kGoAway);
  return walk.between_frames() && bytes.find(kGoodbyeFrame) != std::string::npos &&
         std::find(goodbye, types.end(), kSettings) != types.end();
}

}  // namespace descent::ops

#endif  // TESTS_OPS_GOODBYE_READER_H_
