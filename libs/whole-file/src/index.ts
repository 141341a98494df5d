/**
 * Files that appear under their name whole, and stay there when the machine fails.
 */
export { syncFolder } from './sync-folder.ts';
export { writeWhole } from './write-whole.ts';
