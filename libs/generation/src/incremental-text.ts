/** What a decoder makes of bytes that are no whole character. */
const REPLACEMENT = '\ufffd';

/** The text of token ids. */
type Decode = (tokenIds: Int32Array) => Promise<string>;

/**
 * Text of tokens that come one at a time. A token may be a part of a character, and how it reads may depend on those
 * before it, so each piece is the difference between two decodings of the last few tokens.
 *
 * Invariants:
 * 1. The pieces joined are the text that `decode` gives of all tokens at once, for a decoder whose text of some tokens
 *    is the beginning of that of more, half a character aside.
 * 2. Tokens before `settled` have been given out; decoding starts at `context`, before it.
 */
export class IncrementalText {
  private readonly decode: Decode;
  private readonly tokenIds: number[] = [];
  private context = 0;
  private settled = 0;

  constructor(decode: Decode) {
    this.decode = decode;
  }

  /** @returns the text that the token completes; empty where a character is not whole yet */
  async push(tokenId: number): Promise<string> {
    this.tokenIds.push(tokenId);
    const { given, text } = await this.texts();
    if (text.length <= given.length || text.endsWith(REPLACEMENT)) return '';
    this.context = this.settled;
    this.settled = this.tokenIds.length;
    return text.slice(given.length);
  }

  /** What is left at the end, whole or not. */
  async end(): Promise<string> {
    const { given, text } = await this.texts();
    this.context = this.settled = this.tokenIds.length;
    return text.slice(given.length);
  }

  private async texts(): Promise<{ given: string; text: string }> {
    const ids = Int32Array.from(this.tokenIds.slice(this.context));
    const given = await this.decode(ids.subarray(0, this.settled - this.context));
    return { given, text: await this.decode(ids) };
  }
}
