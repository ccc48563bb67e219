package example;

import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;

/** Channels to a Descent server. */
final class Connection {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  /**
   * Over TLS where {@code tlsCa}, a file of the server's authorities, is not null; with a token where {@code tokenFile},
   * a file of one, is not null.
   */
  static ManagedChannel open(String server, String tlsCa, String tokenFile) throws IOException {
    ChannelCredentials credentials =
        tlsCa == null
            ? InsecureChannelCredentials.create()
            : TlsChannelCredentials.newBuilder().trustManager(new File(tlsCa)).build();
    ManagedChannelBuilder<?> channel = Grpc.newChannelBuilder(server, credentials);
    if (tokenFile != null) {
      if (tlsCa == null && !isLoopback(server)) {
        throw new IOException("a token would go to " + server + " in plaintext, for others to read");
      }
      Metadata metadata = new Metadata();
      metadata.put(AUTHORIZATION, "Bearer " + Files.readString(Path.of(tokenFile)).strip());
      channel.intercept(MetadataUtils.newAttachHeadersInterceptor(metadata));
    }
    return channel.build();
  }

  private static boolean isLoopback(String server) throws IOException {
    String host = server.replaceFirst(":\\d+$", "");
    return InetAddress.getByName(host).isLoopbackAddress();
  }

  private Connection() {}
}
