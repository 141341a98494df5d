/** Loaded by `--import` in front of a program: its wall clock is set back by an hour once a second. */
const SystemDate = Date;
const HOUR_MS = 3_600_000;

const fallingMs = (): number => SystemDate.now() - HOUR_MS * Math.floor(performance.now() / 1000);

globalThis.Date = new Proxy(SystemDate, {
  construct: (target, args: [], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [fallingMs()] : args, newTarget) as Date,
  get: (target, property, receiver): unknown =>
    property === 'now' ? fallingMs : Reflect.get(target, property, receiver),
});
