/**
 * Locks among the processes that share a folder: on one machine, in its containers, or over a network file system; and
 * folders that last as long as a lock is held.
 */
export { FileLock, isLocked } from './file-lock.ts';
export { makeScratchFolder, removeAbandonedScratch } from './scratch-folder.ts';
export type { ScratchFolder } from './scratch-folder.ts';
