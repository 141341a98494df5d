/** One message of a chat, with all the fields that a chat template may look at, none of them null. */
export interface ChatMessage {
  readonly role: string;
  /** Absent where there are only tool calls. */
  readonly content?: unknown;
  readonly [field: string]: unknown;
}
