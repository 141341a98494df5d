import { formatBlock } from '@blockpruner/blocks';
import { FleetError } from '@blockpruner/fleet';
import { CellTable } from '@blockpruner/perplexity';
import { strategyFor, type Decision } from '@blockpruner/search';
import { describe, expect, it } from 'vitest';
import { randomScenario, type Weather } from '../src/simulation/random-scenario.ts';
import { simulatedCell } from '../src/simulation/simulated-cells.ts';
import type { Outcome, Scenario } from '../src/simulation/scenario.ts';
import { SimulatedSearch } from '../src/simulation/simulated-search.ts';

/** One seed instead of all: what a failing scenario asks to be played again with. */
const ONLY = process.env.SIMULATION_SEED;

/** The decisions of a search that one worker computes without any trouble, without a fleet. */
function undisturbed({ shape, rowTokens, remove, method, seed }: Scenario): Decision[] {
  const problem = { shape, blockType: 'mix', stop: { kind: 'remove', count: remove } } as const;
  const strategy = strategyFor(problem, method);
  const table = new CellTable(rowTokens);
  const decisions: Decision[] = [];
  for (;;) {
    const step = strategy.step(decisions, table);
    if (step.kind === 'done') return decisions;
    if (step.kind === 'decide') decisions.push(step.decision);
    else {
      const { base: mask, candidates, baseline } = step.sweep;
      for (const row of step.rows)
        for (const candidate of baseline ? [...candidates, null] : candidates)
          table.add(simulatedCell({ mask, candidate, row }, rowTokens, seed));
    }
  }
}

/**
 * Plays scenarios, and says how to play the one again that an expectation failed on.
 * @returns how many of them got through, of a hundred
 */
function play(
  count: number,
  weather: Weather,
  examine: (outcome: Outcome, scenario: Scenario) => void,
): number {
  let through = 0;
  const seeds = ONLY === undefined ? Array.from({ length: count }, (_, seed) => seed) : [Number(ONLY)];
  for (const seed of seeds) {
    const scenario = randomScenario(seed, weather);
    try {
      const outcome = new SimulatedSearch(scenario).run();
      if (outcome.error) expect(outcome.error).toBeInstanceOf(FleetError);
      else expect(outcome.isOver).toBe(true);
      expect(outcome.twice).toEqual([]);
      examine(outcome, scenario);
      if (outcome.isOver) through++;
    } catch (error) {
      const { currentTestName } = expect.getState();
      const replay = `SIMULATION_SEED=${seed} npx vitest run --project @blockpruner/testkit -t '${currentTestName}'`;
      throw new Error(`seed ${seed}: ${(error as Error).message}\nplay it again with: ${replay}`, {
        cause: error,
      });
    }
  }
  return (100 * through) / seeds.length;
}

/** The search got through, and decided what it would have undisturbed. */
function isUndisturbed(outcome: Outcome, scenario: Scenario): void {
  if (outcome.error === null) expect(outcome.decisions).toEqual(undisturbed(scenario));
}

const CALM: Weather = {
  misfortunes: ['killed', 'frozen', 'paused', 'drained', 'cut off'],
  unlucky: 0,
  restarts: 0,
  badMessages: 0,
  liars: 0,
  hasPoison: false,
};

describe('a search in virtual time', () => {
  it('decides as it would undisturbed while workers come and go in every way', () => {
    const misfortunes = ['frozen', 'paused', 'drained', 'cut off', 'killed'] as const;
    const through = play(600, { ...CALM, misfortunes, unlucky: 0.3 }, isUndisturbed);
    expect(through).toBeGreaterThan(95);
  });

  it('decides as it would undisturbed when messages are lost, come twice or overtake each other', () => {
    const through = play(400, { ...CALM, badMessages: 0.02 }, isUndisturbed);
    expect(through).toBeGreaterThan(60); // lost and overtaken messages count against cells
  });

  it('decides as it would undisturbed however often the coordinator is killed', () => {
    const through = play(400, { ...CALM, unlucky: 0.2, restarts: 4 }, isUndisturbed);
    expect(through).toBeGreaterThan(95);
  });

  it('gets through in any case where workers are drained or stand still for a while', () => {
    const weather: Weather = { ...CALM, misfortunes: ['drained', 'paused'], unlucky: 0.5, restarts: 2 };
    expect(play(300, weather, isUndisturbed)).toBe(100);
  });

  it('fails by the name of the one cell that kills its workers', () => {
    const through = play(200, { ...CALM, hasPoison: true }, ({ error }, { poison }) => {
      const { cell } = error as FleetError;
      expect(`dense/${cell.candidate === null ? 'base' : formatBlock(cell.candidate)}/${cell.row}`).toBe(
        poison,
      );
    });
    expect(through).toBe(0);
  });

  it('names whoever lies in a number that two computed, and decides rightly or fails by name', () => {
    let convictions = 0;
    const through = play(600, { ...CALM, liars: 1 }, (outcome, scenario) => {
      for (const id of outcome.convicted) expect(outcome.liars).toContain(id);
      if (outcome.error === null) expect(outcome.liesConfirmed).toBe(0);
      if (outcome.liesAlone === 0) isUndisturbed(outcome, scenario);
      convictions += outcome.convicted.length;
    });
    expect(through).toBeGreaterThan(90);
    if (ONLY === undefined) expect(convictions).toBeGreaterThan(200);
  });
});
