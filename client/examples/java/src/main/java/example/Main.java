package example;

import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import descent.v1.ModelServiceGrpc;
import descent.v1.ModelServiceGrpc.ModelServiceBlockingV2Stub;
import descent.v1.ModelServiceOuterClass.CreateModelRequest;
import descent.v1.ModelServiceOuterClass.DeleteModelRequest;
import descent.v1.ModelServiceOuterClass.GetModelRequest;
import descent.v1.ModelServiceOuterClass.Model;
import descent.v1.Network.Activation;
import descent.v1.Network.ActivationKind;
import descent.v1.Network.Adam;
import descent.v1.Network.DenseLayer;
import descent.v1.Network.Layer;
import descent.v1.Network.Loss;
import descent.v1.Network.LossKind;
import descent.v1.Network.NetworkSpec;
import descent.v1.Network.OptimizerSpec;
import descent.v1.NetworkServiceGrpc;
import descent.v1.NetworkServiceGrpc.NetworkServiceBlockingV2Stub;
import descent.v1.NetworkServiceGrpc.NetworkServiceStub;
import descent.v1.NetworkServiceOuterClass.GradientRequest;
import descent.v1.NetworkServiceOuterClass.GradientResponse;
import descent.v1.NetworkServiceOuterClass.PredictRequest;
import descent.v1.NetworkServiceOuterClass.PredictResponse;
import descent.v1.NetworkServiceOuterClass.TrainAck;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusException;
import java.io.IOException;
import java.util.Comparator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Creates a model on a Descent server, trains it, predicts, and asks for gradients.
 *
 * <pre>
 *   descentd --in-memory &amp;
 *   java -jar target/descent-example.jar [--tls-ca FILE] [--token-file FILE] [HOST:PORT]
 * </pre>
 */
public final class Main {
  private static final String MODEL = "java-example";

  private final ModelServiceBlockingV2Stub models;
  private final NetworkServiceBlockingV2Stub networks;
  private final NetworkServiceStub streams;

  private Main(ManagedChannel channel) {
    models = ModelServiceGrpc.newBlockingV2Stub(channel);
    streams = NetworkServiceGrpc.newStub(channel);
    networks = NetworkServiceGrpc.newBlockingV2Stub(channel);
  }

  private static Layer dense(int units, ActivationKind kind) {
    Activation activation = Activation.newBuilder().setKind(kind).build();
    return Layer.newBuilder()
        .setDense(DenseLayer.newBuilder().setUnits(units).setActivation(activation))
        .build();
  }

  private static Model description() {
    NetworkSpec network =
        NetworkSpec.newBuilder()
            .setInputFeatures(Data.FEATURES)
            .addLayers(dense(32, ActivationKind.ACTIVATION_KIND_RELU))
            .addLayers(dense(1, ActivationKind.ACTIVATION_KIND_IDENTITY))
            .setLoss(Loss.newBuilder().setKind(LossKind.LOSS_KIND_MEAN_SQUARED_ERROR))
            .setSeed(1)
            .build();
    OptimizerSpec optimizer =
        OptimizerSpec.newBuilder().setLearningRate(0.01).setAdam(Adam.getDefaultInstance()).build();
    return Model.newBuilder().setName(MODEL).setNetwork(network).setOptimizer(optimizer).build();
  }

  private void run() throws StatusException, InterruptedException {
    CreateModelRequest create =
        CreateModelRequest.newBuilder().setModel(description()).setRequestId(Retry.requestId()).build();
    Model created = Retry.call(models, stub -> stub.createModel(create)).getModel();
    System.out.printf("created %s: %d parameters%n", MODEL, created.getParameterCount());
    try {
      trainAndAsk();
    } finally {
      DeleteModelRequest delete =
          DeleteModelRequest.newBuilder().setName(MODEL).setRequestId(Retry.requestId()).build();
      Retry.call(models, stub -> stub.deleteModel(delete));
    }
  }

  private void trainAndAsk() throws StatusException, InterruptedException {
    new Training(streams, MODEL, Data.BATCHES, Data::batch, Main::showProgress).run();
    GetModelRequest get = GetModelRequest.newBuilder().setName(MODEL).build();
    Model trained = Retry.call(models, stub -> stub.getModel(get)).getModel();
    System.out.printf(
        "trained to step %d, state %s%n", trained.getStep(), Long.toUnsignedString(trained.getStateHash()));

    Data.Rows test = Data.rows(12345, 256);
    predict(test.first(3));
    gradient(test);
    askForTooLittle();
  }

  private static void showProgress(TrainAck ack) {
    if (ack.getSequence() % 200 == 0) {
      System.out.printf("update %5d of %d  loss %8.4f%n", ack.getSequence(), Data.BATCHES, ack.getLoss());
    }
  }

  private void predict(Data.Rows rows) throws StatusException, InterruptedException {
    PredictRequest request =
        PredictRequest.newBuilder().setModel(MODEL).setInputs(Tensors.of(rows.inputs(), Data.FEATURES)).build();
    PredictResponse answer = Retry.call(networks, stub -> stub.predict(request));
    float[] predictions = Tensors.floats(answer.getOutputs());
    for (int row = 0; row < predictions.length; ++row) {
      System.out.printf("predicted %6.2f, expected %6.2f%n", predictions[row], rows.targets()[row]);
    }
  }

  /** Which features the loss hangs on most, by its gradient with respect to the inputs. */
  private void gradient(Data.Rows rows) throws StatusException, InterruptedException {
    GradientRequest request =
        GradientRequest.newBuilder()
            .setModel(MODEL)
            .setInputs(Tensors.of(rows.inputs(), Data.FEATURES))
            .setTargets(Tensors.of(rows.targets(), 1))
            .setInputGradient(true)
            .build();
    GradientResponse answer = Retry.call(networks, stub -> stub.gradient(request));
    System.out.printf("gradient at step %d: norm %.4f%n", answer.getStep(), answer.getGradientNorm());
    double[] influence = new double[Data.FEATURES];
    float[] gradient = Tensors.floats(answer.getInputGradient());
    for (int i = 0; i < gradient.length; ++i) {
      influence[i % Data.FEATURES] += Math.abs(gradient[i]);
    }
    String order =
        IntStream.range(0, Data.FEATURES)
            .boxed()
            .sorted(Comparator.comparingDouble(feature -> -influence[feature]))
            .map(feature -> "x" + (feature + 1))
            .collect(Collectors.joining(" "));
    System.out.println("features by influence: " + order);
  }

  /** What an error says: a reason to act on, and the fields at fault. */
  private void askForTooLittle() throws InterruptedException {
    PredictRequest request =
        PredictRequest.newBuilder().setModel(MODEL).setInputs(Tensors.of(new float[] {1, 2, 3}, 3)).build();
    try {
      Retry.call(networks, stub -> stub.predict(request));
    } catch (StatusException error) {
      Status status = error.getStatus();
      System.out.printf("refused as it should be: %s: %s%n", status.getCode(), status.getDescription());
      Errors.detail(error, ErrorInfo.class)
          .ifPresent(info -> System.out.printf("  reason %s%n", info.getReason()));
      Errors.detail(error, BadRequest.class)
          .ifPresent(
              bad ->
                  bad.getFieldViolationsList()
                      .forEach(
                          violation ->
                              System.out.printf(
                                  "  field %s: %s%n", violation.getField(), violation.getDescription())));
    }
  }

  public static void main(String[] arguments) throws InterruptedException {
    String server = "127.0.0.1:50051";
    String tlsCa = null;
    String tokenFile = null;
    for (int i = 0; i < arguments.length; ++i) {
      switch (arguments[i]) {
        case "--tls-ca" -> tlsCa = arguments[++i];
        case "--token-file" -> tokenFile = arguments[++i];
        default -> server = arguments[i];
      }
    }
    ManagedChannel channel = null;
    try {
      channel = Connection.open(server, tlsCa, tokenFile);
      new Main(channel).run();
    } catch (IOException | StatusException error) {
      System.err.println("descent-example: " + error.getMessage());
      System.exit(1);
    } finally {
      if (channel != null) {
        channel.shutdownNow();
      }
    }
  }
}
