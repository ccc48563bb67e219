package example;

import com.google.protobuf.ByteString;
import descent.v1.TensorOuterClass.DataType;
import descent.v1.TensorOuterClass.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Tensors of the contract from arrays and back. */
final class Tensors {
  /** A matrix of so many columns as raw little-endian bytes, the fastest encoding. */
  static Tensor of(float[] values, int columns) {
    ByteBuffer raw = ByteBuffer.allocate(Float.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
    raw.asFloatBuffer().put(values);
    return Tensor.newBuilder()
        .setDataType(DataType.DATA_TYPE_FLOAT32)
        .addShape(values.length / columns)
        .addShape(columns)
        .setRaw(ByteString.copyFrom(raw))
        .build();
  }

  /** The values of a float32 tensor, which is raw in the answer to a raw one. */
  static float[] floats(Tensor tensor) {
    ByteBuffer raw = tensor.getRaw().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    float[] values = new float[raw.remaining() / Float.BYTES];
    raw.asFloatBuffer().get(values);
    return values;
  }

  private Tensors() {}
}
