package example;

import com.google.protobuf.Duration;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.AbstractStub;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** Calls with a deadline, made again where the server was not there to answer. */
final class Retry {
  private static final long DEADLINE_SECONDS = 30; // of every attempt but the training stream
  private static final int RETRIES = 8;
  private static final long FIRST_DELAY_MILLIS = 50; // it doubles with each failure, to twelve seconds in all

  /** A call of a blocking stub. */
  interface Call<S, T> {
    T on(S stub) throws StatusException, InterruptedException;
  }

  /**
   * Makes a call safe to repeat when its answer is lost: the server answers the same request again as it did the first
   * time.
   */
  static String requestId() {
    return UUID.randomUUID().toString();
  }

  static <S extends AbstractStub<S>, T> T call(S stub, Call<S, T> call) throws StatusException, InterruptedException {
    for (int failures = 0; ; ++failures) {
      try {
        return call.on(stub.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS));
      } catch (StatusException error) {
        waitToRetry(error, failures);
      }
    }
  }

  /** Waits before the next attempt, or throws the error if there is to be none. */
  static void waitToRetry(StatusException error, int failures) throws StatusException, InterruptedException {
    Optional<Duration> told = Errors.detail(error, RetryInfo.class).map(RetryInfo::getRetryDelay);
    boolean again = told.isPresent() || error.getStatus().getCode() == Status.Code.UNAVAILABLE;
    if (!again || failures >= RETRIES) {
      throw error;
    }
    Thread.sleep(
        told.map(delay -> delay.getSeconds() * 1000 + delay.getNanos() / 1_000_000)
            .orElse(FIRST_DELAY_MILLIS << failures));
  }

  private Retry() {}
}
