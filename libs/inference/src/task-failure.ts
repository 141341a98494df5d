import { describeRunFailure, isAllocationFailure, isProviderFailure } from './allocation-failure.ts';
import { NonFiniteError } from './non-finite-error.ts';
import type { TaskFailure } from './session-message.ts';

/** What an error of a task means for those who asked, its reason in one line. */
export function failureOf(error: unknown): TaskFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof NonFiniteError) return { cause: 'non-finite', reason: message };
  if (isAllocationFailure(message)) {
    return { cause: 'out-of-memory', reason: `out of memory: ${describeRunFailure(message)}` };
  }
  if (isProviderFailure(message)) return { cause: 'provider', reason: describeRunFailure(message) };
  return { cause: 'request', reason: message.split('\n')[0] };
}
