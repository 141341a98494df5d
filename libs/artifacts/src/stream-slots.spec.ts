import { describe, expect, it } from 'vitest';
import { StreamSlots } from './stream-slots.ts';

const patient = new AbortController().signal;

/** Enters, noting the places it is told. */
function enter(slots: StreamSlots, signal = patient): { places: number[]; entered: Promise<void> } {
  const places: number[] = [];
  const run = async (): Promise<void> => {
    for await (const ahead of slots.enter(signal)) places.push(ahead);
  };
  return { places, entered: run() };
}

describe('StreamSlots', () => {
  it('lets in as many as there are slots, the others in order, and tells them their place', async () => {
    const slots = new StreamSlots(2, 5);
    await Promise.all([enter(slots).entered, enter(slots).entered]);
    const order: string[] = [];
    const third = enter(slots);
    const fourth = enter(slots);
    void third.entered.then(() => order.push('third'));
    const last = fourth.entered.then(() => order.push('fourth'));
    await expect.poll(() => fourth.places.length).toBeGreaterThan(1);
    expect([third.places[0], fourth.places[0]]).toEqual([0, 1]);
    slots.leave();
    await third.entered;
    await expect.poll(() => fourth.places.at(-1)).toBe(0);
    expect(order).toEqual(['third']);
    slots.leave();
    await last;
    expect(order).toEqual(['third', 'fourth']);
  });

  it('passes over one that gives up, and loses no slot by it', async () => {
    const slots = new StreamSlots(1, 5);
    await enter(slots).entered;
    const gone = new AbortController();
    const second = enter(slots, gone.signal);
    const third = enter(slots);
    gone.abort();
    await expect(second.entered).rejects.toThrow('abort');
    slots.leave();
    await third.entered;
    slots.leave();
    await enter(slots).entered;
  });

  it('loses no slot by one that gives up as its turn comes', async () => {
    const slots = new StreamSlots(1, 5);
    await enter(slots).entered;
    const gone = new AbortController();
    const second = enter(slots, gone.signal);
    await expect.poll(() => second.places.length).toBeGreaterThan(0);
    slots.leave();
    gone.abort();
    await second.entered.then(
      () => slots.leave(),
      () => undefined,
    );
    await enter(slots).entered;
  });

  it('turns away who would wait behind thousands', async () => {
    const slots = new StreamSlots(1, 60_000);
    await enter(slots).entered;
    const gone = new AbortController();
    const waiting = Array.from({ length: 4096 }, () =>
      enter(slots, gone.signal).entered.catch(() => undefined),
    );
    await expect(enter(slots).entered).rejects.toMatchObject({ code: 'unavailable' });
    gone.abort();
    await Promise.all(waiting);
  });
});
