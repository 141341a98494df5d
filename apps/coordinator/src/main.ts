/**
 * The `blockpruner` command, and the map of everything.
 *
 * cli.ts - the commands and their help; commands/ - one file a command: prune, resume, verify, score, generate, bench,
 * status, pick, export, list, doctor, inspect-calibration, worker. setting.ts, target-settings.ts, worker-setting.ts and
 * monitoring-setting.ts - every option and its default (setting-schema.ts); resolve-settings.ts - flag > environment >
 * config file > default. prune-settings.ts - what a run is created with, and what a resume takes; created-with.ts -
 * what it was created with; same-run.ts - whether that is what is asked for now; run-config.ts - what its numbers
 * follow from. stop-options.ts and stop-words.ts - how much is to go, and what ended a run; start-mask.ts and
 * search-problem.ts - which blocks may; run-sizes.ts - every size that a run has led to, and whether it can be
 * extended. objective-unit.ts - the unit of margins. locate-inputs.ts - what the user names, found on the disk or
 * fetched from the hub (@blockpruner/hub); inputs.ts - a model and the rows of a text, checked before anything is
 * written; calibration-source.ts - a text with its weight; run-rows.ts - all sets of rows, and the held-out ones;
 * calibration-report.ts - what a calibration set holds; worker-plan.ts - how many workers, where; remote-port.ts - the
 * port for workers of other machines, and who is let in. going-on.ts - a run after its last decision; run-session.ts -
 * one run from open port to printed result; search-settings.ts - what is searched, and how; search-run.ts - the loop of
 * the search; decision-records.ts - its decisions as they are journaled; expected-work.ts, pace.ts and work-left.ts -
 * how long it takes; held-out.ts and over-fitting.ts - scores that decide nothing, and what they show;
 * set-disagreement.ts - where one calibration set alone would choose otherwise; foresight.ts - what it has done ahead
 * of its decisions; run-cells.ts - where cells go; close-calls.ts - noise, and choices made again in fp32;
 * iteration-list.ts and verification-report.ts - what verify is asked for and says; monitoring.ts - what a cluster sees
 * of a run (@blockpruner/monitoring), search-readings.ts, fleet-readings.ts and worker-speed.ts - what its metrics are
 * read from; numeric-class.ts; running-fleet.ts - ports and workers of a run; artifact-plan.ts, artifact-process.ts and
 * artifact-child.ts - the process that serves the model's files (@blockpruner/artifacts), artifact-message.ts - what it
 * is told; fleet-driver.ts - the fleet's state machine (@blockpruner/fleet) on real connections (@blockpruner/wire),
 * peers.ts - who they are, barren-stays.ts, running-clock.ts and worker-wait.ts - patience with them, fleet-hooks.ts
 * and fleet-log.ts - what is heard of it, fleet-rules.ts - by which rules it divides work, words-to-workers.ts - what
 * workers are told; local-workers.ts - the processes of local:N.
 * model-reference.ts - what a run has led to, as RUN@K; run-model.ts - whether a model is that of a run; score-masks.ts -
 * scores without a search. export-setting.ts and export-request.ts - what is asked of an export (@blockpruner/export);
 * export-format.ts - its plan, export-healing.ts - what removed blocks did to the residual stream, export-provenance.ts -
 * what its card says, export-check.ts and export-tolerance.ts - whether it computes what the search did,
 * export-report.ts - what was written; removal-lists.ts - the lists that other tools read. model-process.ts - the
 * process that holds one model, to generate, score and measure (@blockpruner/generation); running-model.ts - one that
 * is ready; prompt.ts - the text it goes on with; generation-setting.ts - its options; bench-report.ts - what models
 * take, side by side.
 *
 * What computes runs in apps/worker. The search (@blockpruner/search), the run folder (@blockpruner/journal) and
 * the scores (@blockpruner/perplexity) know nothing of processes or sockets.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { oneLine } from '@blockpruner/checkpoint';
import { CommanderError } from 'commander';
import { buildCli } from './cli.ts';
import type { Console } from './console.ts';
import { Interrupted } from './interrupt.ts';
import { UsageError } from './usage-error.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  // Whoever reads the result has gone, as `head` does: there is nothing left to do.
  if (code === 'EPIPE') process.exit(0);
  process.stderr.write(
    `error: the result cannot be written to standard output (${code ?? message}): write it to another place\n`,
  );
  process.exit(EXIT_FAILED);
});

const opened: Console[] = [];
let exitCode = 0;
try {
  exitCode = await buildCli(opened).run(process.argv);
} catch (error) {
  exitCode = report(error);
}
for (const console of opened) console.close();
// That a result could not be written is heard of behind the write.
await nextTurn();
// Whatever still holds the event loop is of no interest to the user any more.
process.exit(exitCode);

/** The last line of stderr says what was wrong, in one line; the stack goes to the run's log only. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE; // commander has said it
  for (const console of opened) console.logger.debug({ err: error }, 'the command failed');
  if (!(error instanceof Interrupted)) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`error: ${oneLine(message.replaceAll(/\s*\n\s*/g, '; '))}\n`);
  }
  if (error instanceof Interrupted) return EXIT_INTERRUPTED;
  return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
}
