/** One message of a chat. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}
