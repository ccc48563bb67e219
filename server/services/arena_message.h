// A message on an arena, with every release of Protobuf: 3.21 has CreateMessage for that, and its
// Create leaves the fields on the heap; current releases have Create alone, which does what
// CreateMessage did.

#ifndef SERVER_SERVICES_ARENA_MESSAGE_H_
#define SERVER_SERVICES_ARENA_MESSAGE_H_

namespace descent::services {

// An empty message that lives with `arena`, a google::protobuf::Arena, as all that it comes to
// hold.
template <typename Message, typename Arena>
Message* MakeOnArena(Arena* arena) {
  if constexpr (requires { Arena::template CreateMessage<Message>(arena); }) {
    return Arena::template CreateMessage<Message>(arena);
  } else {
    return Arena::template Create<Message>(arena);
  }
}

}  // namespace descent::services

#endif  // SERVER_SERVICES_ARENA_MESSAGE_H_
