package example;

import descent.v1.TensorOuterClass.Batch;
import java.util.Arrays;

/**
 * Where the samples come from: any source will do that can be asked for a batch by its number, for after a broken
 * connection the server says with which to go on.
 *
 * <p>The target is Friedman's first problem without its sine, 10 x1 x2 + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5, of features in
 * [0, 1), of which three say nothing. A linear congruential generator draws multiples of 1/256, so that every sample is
 * exact in float32 and the same in any language.
 */
final class Data {
  static final int FEATURES = 8;
  static final long BATCHES = 1000;
  private static final int BATCH_ROWS = 32;

  /** Row after row: FEATURES inputs and one target each. */
  record Rows(float[] inputs, float[] targets) {
    Rows first(int count) {
      return new Rows(Arrays.copyOf(inputs, count * FEATURES), Arrays.copyOf(targets, count));
    }
  }

  static Rows rows(int seed, int count) {
    int state = seed;
    float[] x = new float[count * FEATURES];
    float[] y = new float[count];
    for (int i = 0; i < x.length; ++i) {
      state = state * 1664525 + 1013904223;
      x[i] = (state >>> 24) / 256f;
    }
    for (int row = 0; row < count; ++row) {
      int at = row * FEATURES;
      float centred = x[at + 2] - 0.5f;
      y[row] = 10 * x[at] * x[at + 1] + 20 * centred * centred + 10 * x[at + 3] + 5 * x[at + 4];
    }
    return new Rows(x, y);
  }

  /** The training batch with this sequence number, counted from 1. */
  static Batch batch(long sequence) {
    Rows rows = rows((int) (sequence * 2654435761L), BATCH_ROWS);
    return Batch.newBuilder()
        .setInputs(Tensors.of(rows.inputs(), FEATURES))
        .setTargets(Tensors.of(rows.targets(), 1))
        .build();
  }

  private Data() {}
}
