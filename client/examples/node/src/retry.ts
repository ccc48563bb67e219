// Calls with a deadline, made again where the server was not there to answer.

import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';

import { errorDetails, isServiceError } from './errors.js';

const DEADLINE = 30_000; // milliseconds, of every attempt but the training stream
const RETRIES = 8;
const FIRST_DELAY = 50; // milliseconds; it doubles with each failure, to twelve seconds in all

/** Waits before the next attempt, or throws the error if there is to be none. */
export async function waitToRetry(error: unknown, failures: number): Promise<void> {
  if (!isServiceError(error) || failures >= RETRIES) throw error;
  const told = errorDetails(error).retryInfo?.retryDelay;
  if (told) {
    await sleep(Number(told.seconds) * 1000 + told.nanos / 1e6);
  } else if (error.code === grpc.status.UNAVAILABLE) {
    await sleep(FIRST_DELAY * 2 ** failures);
  } else {
    throw error;
  }
}

// A stub's method has overloads, of which TypeScript infers from the last alone.
type Method<Request, Response> = (
  request: Request,
  callback: grpc.requestCallback<Response>,
) => grpc.ClientUnaryCall;
type MethodWithOptions<Request, Response> = (
  request: Request,
  options: grpc.CallOptions,
  callback: grpc.requestCallback<Response>,
) => grpc.ClientUnaryCall;

/**
 * A call as a promise. With a request id it is safe to repeat when its answer is lost: the server answers the
 * same request again as it did the first time.
 */
export async function call<Request, Response>(
  client: grpc.Client,
  method: Method<Request, Response>,
  request: Request,
): Promise<Response> {
  const bound = method.bind(client) as unknown as MethodWithOptions<Request, Response>;
  for (let failures = 0; ; ++failures) {
    try {
      return await new Promise((resolve, reject) => {
        bound(request, { deadline: Date.now() + DEADLINE }, (error, response) => {
          if (error) reject(error);
          else resolve(response!);
        });
      });
    } catch (error) {
      await waitToRetry(error, failures);
    }
  }
}
