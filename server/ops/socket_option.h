// An option of a socket, where the socket serves without it too.

#ifndef SERVER_OPS_SOCKET_OPTION_H_
#define SERVER_OPS_SOCKET_OPTION_H_

#include <sys/socket.h>

namespace descent::ops {

inline void SetOption(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof value);
}

}  // namespace descent::ops

#endif  // SERVER_OPS_SOCKET_OPTION_H_
