// What the server says about an error besides its code and message.

import type { ServiceError } from '@grpc/grpc-js';

import type { BadRequest__Output } from './generated/google/rpc/BadRequest.js';
import type { ErrorInfo__Output } from './generated/google/rpc/ErrorInfo.js';
import type { RetryInfo__Output } from './generated/google/rpc/RetryInfo.js';
import { decode } from './connect.js';

export interface ErrorDetails {
  errorInfo?: ErrorInfo__Output;
  badRequest?: BadRequest__Output;
  retryInfo?: RetryInfo__Output;
}

/** Any is kept in its bytes here: google.rpc types are looked up by name. */
interface PackedStatus {
  details: { type_url?: string; typeUrl?: string; value: Buffer }[];
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'metadata' in error;
}

export function errorDetails(error: ServiceError): ErrorDetails {
  const details: ErrorDetails = {};
  for (const bytes of error.metadata.get('grpc-status-details-bin')) {
    for (const any of decode<PackedStatus>('google.rpc.Status', bytes as Buffer).details) {
      const type = (any.type_url ?? any.typeUrl ?? '').split('/').at(-1);
      if (type === 'google.rpc.ErrorInfo') details.errorInfo = decode<ErrorInfo__Output>(type, any.value);
      if (type === 'google.rpc.BadRequest') details.badRequest = decode<BadRequest__Output>(type, any.value);
      if (type === 'google.rpc.RetryInfo') details.retryInfo = decode<RetryInfo__Output>(type, any.value);
    }
  }
  return details;
}
