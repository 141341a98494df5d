import { cutReason } from './validate.ts';
import { WireError } from './wire-error.ts';

/** Why an address cannot be listened on. gRPC hides the code of the system's error in its message. */
export function listenError(at: string, error: NodeJS.ErrnoException): WireError {
  if (error.code === 'EADDRINUSE' || error.message.includes('EADDRINUSE')) {
    return new WireError('port-in-use', `${at} is in use: choose another port, or port 0 for any free one`, {
      cause: error,
    });
  }
  return new WireError('cannot-listen', cutReason(`cannot listen on ${at}: ${error.message}`), {
    cause: error,
  });
}
