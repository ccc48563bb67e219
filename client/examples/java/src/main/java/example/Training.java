package example;

import descent.v1.NetworkServiceGrpc.NetworkServiceStub;
import descent.v1.NetworkServiceOuterClass.TrainAck;
import descent.v1.NetworkServiceOuterClass.TrainBatch;
import descent.v1.NetworkServiceOuterClass.TrainRequest;
import descent.v1.NetworkServiceOuterClass.TrainResponse;
import descent.v1.NetworkServiceOuterClass.TrainStart;
import descent.v1.TensorOuterClass.Batch;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import java.util.function.LongFunction;

/** A training session: a stream of batches that are each applied exactly once. */
final class Training {
  private final NetworkServiceStub networks;
  private final TrainStart start;
  private final long count;
  private final LongFunction<Batch> batch;
  private final Consumer<TrainAck> onAck;
  private int streams = 0;
  private int failures = 0;

  /** Of {@code batch.apply(1)} to {@code batch.apply(count)}. */
  Training(
      NetworkServiceStub networks, String model, long count, LongFunction<Batch> batch, Consumer<TrainAck> onAck) {
    this.networks = networks;
    this.start =
        TrainStart.newBuilder().setModel(model).setSessionId(Retry.requestId()).setAckEvery(8).build();
    this.count = count;
    this.batch = batch;
    this.onAck = onAck;
  }

  /**
   * Streams all batches. A stream that breaks is opened again with the same session id, and goes on where the server
   * says. Gives up when too many streams in a row have brought no ack.
   */
  void run() throws StatusException, InterruptedException {
    for (; ; ++failures) {
      Stream stream = new Stream();
      networks.train(stream);
      try {
        stream.end.get();
        return; // everything is applied and durable
      } catch (ExecutionException broken) {
        Throwable cause = broken.getCause();
        Retry.waitToRetry(
            Status.fromThrowable(cause).asException(Status.trailersFromThrowable(cause)), failures);
      }
    }
  }

  /** One stream. gRPC calls its methods one after another, never two at a time. */
  private final class Stream implements ClientResponseObserver<TrainRequest, TrainResponse> {
    final CompletableFuture<Void> end = new CompletableFuture<>();
    private ClientCallStreamObserver<TrainRequest> requests;
    private long next = 0; // 0: the server has not said yet
    private boolean started = false;
    private boolean open = true;

    @Override
    public void beforeStart(ClientCallStreamObserver<TrainRequest> requests) {
      this.requests = requests;
      requests.setOnReadyHandler(this::send);
    }

    /** Sends batches until the server has as many as it will hold; then gRPC calls this again when there is room. */
    private void send() {
      if (!started) {
        started = true;
        requests.onNext(TrainRequest.newBuilder().setStart(start).build());
      }
      for (; next > 0 && next <= count && requests.isReady(); ++next) {
        TrainBatch message = TrainBatch.newBuilder().setSequence(next).setBatch(batch.apply(next)).build();
        requests.onNext(TrainRequest.newBuilder().setBatch(message).build());
      }
      if (next > count && open) {
        open = false;
        requests.onCompleted();
      }
    }

    @Override
    public void onNext(TrainResponse response) {
      if (response.hasReady()) {
        next = response.getReady().getNextSequence();
        if (++streams > 1) {
          System.err.println("connected again: going on with batch " + next);
        }
        send();
      } else {
        failures = 0;
        onAck.accept(response.getAck());
      }
    }

    @Override
    public void onError(Throwable broken) {
      end.completeExceptionally(broken);
    }

    @Override
    public void onCompleted() {
      end.complete(null);
    }
  }
}
