#ifndef CLIENT_DESCENT_RANDOM_ID_H_
#define CLIENT_DESCENT_RANDOM_ID_H_

#include <string>

namespace descent::client {

// 128 random bits as 32 hexadecimal digits: never the same twice, on any machine.
std::string RandomId();

}  // namespace descent::client

#endif  // CLIENT_DESCENT_RANDOM_ID_H_
