/**
 * Locks among the processes that share a folder: on one machine, in its containers, or over a network file system.
 */
export { FileLock, isLocked } from './file-lock.ts';
