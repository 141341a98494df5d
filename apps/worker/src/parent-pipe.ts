/**
 * Calls back once the parent that holds our standard input is gone, however it went. Waits in the event loop: a
 * blocking read would hold up the exit of this process for as long as the parent lives.
 */
export function onParentGone(callback: () => void): void {
  process.stdin.on('end', callback);
  process.stdin.on('error', callback);
  process.stdin.resume();
}
