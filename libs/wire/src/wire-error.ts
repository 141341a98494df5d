/**
 * - `bad-message`: a field is outside its limits, or the bytes are not a message; sending it again changes nothing
 * - `protocol`: the two sides share no protocol version
 * - `port-in-use`, `cannot-listen`: the server cannot be bound
 * - `bad-address`: the text is not `host:port`
 * - `bad-credentials`: a certificate, a key or a token is missing, damaged or expired
 */
type WireErrorCode =
  'bad-message' | 'protocol' | 'port-in-use' | 'cannot-listen' | 'bad-address' | 'bad-credentials';

/** What goes wrong on the wire. The message is one line that names the field, the value and the limit. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: WireErrorCode;

  constructor(code: WireErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
