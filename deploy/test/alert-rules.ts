/** The alerts as promtool reads them. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MONITORING = join(import.meta.dirname, '../components/monitoring');
/** In the folder that `writeAlertRules` is given: for `promtool check rules`. */
export const RULES_FILE = 'rules.yaml';
/** Beside it: for `promtool test rules`. */
export const RULE_TESTS_FILE = 'alerts.test.yaml';

/** Writes the rules, taken out of their PrometheusRule, and their tests into a folder. */
export function writeAlertRules(folder: string): void {
  const [, spec] = readFileSync(join(MONITORING, 'alerts.yaml'), 'utf8').split(/^spec:\n/m);
  writeFileSync(join(folder, RULES_FILE), spec.replaceAll(/^ {2}/gm, ''));
  copyFileSync(join(MONITORING, RULE_TESTS_FILE), join(folder, RULE_TESTS_FILE));
}
