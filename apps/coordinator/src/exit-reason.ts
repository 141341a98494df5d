/** What ended a process, as its exit event tells: a signal, or the code it exited with. */
export function exitReason(code: number | null, signal: NodeJS.Signals | null): string {
  return signal ?? `exit code ${code}`;
}
