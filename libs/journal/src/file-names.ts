/** The names in a run folder. */
export const CONFIG_FILE = 'config.yaml';
export const ENVIRONMENT_FILE = 'environment.json';
export const ROWS_FILE = 'rows.json';
export const JOURNAL_FILE = 'journal.jsonl';
export const CELLS_FILE = 'cells.bin';
export const ITERATIONS_FILE = 'iterations.jsonl';
export const OWNER_FILE = 'owner.json';
export const RESULT_FILE = 'result.json';
export const REMOVAL_ORDER_FILE = 'removal-order.json';
export const STATS_FILE = 'stats.json';
