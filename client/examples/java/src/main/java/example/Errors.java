package example;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.grpc.StatusException;
import io.grpc.protobuf.StatusProto;
import java.util.Optional;

/** What the server says about an error besides its code and message. */
final class Errors {
  /** The detail of this type, such as ErrorInfo, BadRequest or RetryInfo, if the error has one. */
  static <T extends Message> Optional<T> detail(StatusException error, Class<T> type) {
    for (Any any : StatusProto.fromThrowable(error).getDetailsList()) {
      if (any.is(type)) {
        try {
          return Optional.of(any.unpack(type));
        } catch (InvalidProtocolBufferException malformed) {
          return Optional.empty();
        }
      }
    }
    return Optional.empty();
  }

  private Errors() {}
}
