// Training on a stream of batches that are each applied exactly once.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ClientDuplexStream } from '@grpc/grpc-js';

import type { Batch } from './generated/descent/v1/Batch.js';
import type { TrainAck__Output } from './generated/descent/v1/TrainAck.js';
import type { TrainRequest } from './generated/descent/v1/TrainRequest.js';
import type { TrainResponse__Output } from './generated/descent/v1/TrainResponse.js';
import type { Connection } from './connect.js';
import { waitToRetry } from './retry.js';

type Stream = ClientDuplexStream<TrainRequest, TrainResponse__Output>;

/**
 * Trains on `batch(1)` to `batch(count)` and yields the server's acks. A stream that breaks is opened again with
 * the same session id, and goes on where the server says. It gives up when too many streams in a row have
 * brought no ack.
 */
export async function* train(
  networks: Connection['networks'],
  model: string,
  count: number,
  batch: (sequence: number) => Batch,
  ackEvery = 8,
): AsyncGenerator<TrainAck__Output> {
  const sessionId = randomUUID();
  let streams = 0;
  for (let failures = 0; ; ++failures) {
    const stream = networks.Train();
    try {
      stream.write({ start: { model, sessionId, ackEvery } });
      for await (const { ready, ack } of stream as AsyncIterable<TrainResponse__Output>) {
        if (ready) {
          if (++streams > 1) console.error(`connected again: going on with batch ${ready.nextSequence}`);
          void send(stream, Number(ready.nextSequence), count, batch);
        } else if (ack) {
          failures = 0;
          yield ack;
        }
      }
      return; // everything is applied and durable
    } catch (error) {
      await waitToRetry(error, failures);
    } finally {
      stream.cancel();
    }
  }
}

/** Sends the rest of the batches, and waits while the server has as many as it will hold. */
async function send(stream: Stream, next: number, count: number, batch: (sequence: number) => Batch) {
  for (; next <= count; ++next) {
    if (!stream.write({ batch: { sequence: next, batch: batch(next) } })) {
      try {
        await once(stream, 'drain');
      } catch {
        return; // it broke, and whoever reads it knows why
      }
    }
  }
  stream.end();
}
