/** What a worker hears from the process that started it. */
export interface ParentHandlers {
  /** It asks us to finish the task in hand and leave. */
  onDrain(): void;
  /** It is gone, however it went, or wants us to go at once. */
  onGone(): void;
}

/**
 * Listens on the pipe of our standard input, which the parent holds: any byte asks for draining, its end says that the
 * parent is gone. Waits in the event loop: a blocking read would hold up the exit of this process for as long as the
 * parent lives.
 */
export function watchParent(handlers: ParentHandlers): void {
  process.stdin.on('data', () => handlers.onDrain());
  process.stdin.on('end', () => handlers.onGone());
  process.stdin.on('error', () => handlers.onGone());
}
