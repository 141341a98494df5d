import { readFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { Document, parseDocument, type Scalar } from 'yaml';
import { setting, type SettingName, type SettingValue } from './setting.ts';
import { UsageError } from './usage-error.ts';

/** Where a value comes from; earlier ones win. */
export type Origin = 'flag' | 'environment' | 'config file' | 'default';

/** The options of a command after flag > environment > config file > default, checked, with their origins. */
export interface ResolvedSettings<Name extends SettingName> {
  readonly values: { readonly [N in Name]?: SettingValue<N> };
  readonly origins: { readonly [N in Name]?: Origin };
}

const ORIGINS: Record<string, Origin> = {
  cli: 'flag',
  env: 'environment',
  config: 'config file',
  default: 'default',
};

/**
 * Declares the options on the command, in groups, and `--config`.
 * @param descriptions of options that mean something else for this command
 */
export function declareSettings(
  command: Command,
  names: readonly SettingName[],
  descriptions: { readonly [Name in SettingName]?: string } = {},
): void {
  for (const name of names) {
    const { key, metavar, description, group, default: value, repeatable } = setting(name);
    const option = new Option(
      metavar ? `--${key} <${metavar}>` : `--${key}`,
      descriptions[name] ?? description,
    )
      .env(environmentVariable(key))
      .helpGroup(`${group}:`);
    if (value !== undefined) option.default(value);
    if (repeatable) option.argParser((item: string, items: string[] | undefined) => [...(items ?? []), item]);
    command.addOption(option);
  }
  command.addOption(
    new Option('--config <file.yaml>', 'read options from a YAML file; its keys are the flags without --')
      .env(environmentVariable('config'))
      .helpGroup('Output:'),
  );
}

/**
 * Resolves a parsed command's options.
 * @throws UsageError naming the option, its origin, the value and what is accepted
 */
export function resolveSettings<Name extends SettingName>(
  command: Command,
  names: readonly Name[],
): ResolvedSettings<Name> {
  const file = command.getOptionValue('config') as string | undefined;
  if (file !== undefined) applyConfigFile(command, names, file);
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const name of names) {
    const { key, metavar, schema } = setting(name);
    const attribute = attributeOf(key);
    const origin = ORIGINS[command.getOptionValueSource(attribute) ?? 'default'];
    // A switch is set by its variable's value, not by its presence.
    const isSwitchVariable = metavar === undefined && origin === 'environment';
    const given: unknown = isSwitchVariable ? switchValue(key) : valueOf(command, key, origin);
    if (given === undefined) continue;
    const parsed = schema.safeParse(given);
    if (!parsed.success) {
      const where = origin === 'flag' ? '' : ` (from the ${origin})`;
      throw new UsageError(
        `--${key}${where} must be ${schema.description ?? 'a text'}; got ${JSON.stringify(given)}`,
      );
    }
    values[name] = parsed.data;
    origins[name] = origin;
  }
  return { values, origins } as ResolvedSettings<Name>;
}

/** @throws UsageError naming all three ways to give the value */
export function requireSetting<Name extends SettingName, Wanted extends Name>(
  settings: ResolvedSettings<Name>,
  name: Wanted,
): NonNullable<SettingValue<Wanted>> {
  const value = settings.values[name];
  if (value === undefined || value === null) {
    const { key, metavar } = setting(name);
    throw new UsageError(
      `--${key} is missing: give --${key} <${metavar}>, set ${environmentVariable(key)}, or put "${key}:" into the --config file`,
    );
  }
  return value;
}

/** YAML of the resolved options, one a line, each with its origin as a comment; usable as a `--config` file. */
export function settingsYaml<Name extends SettingName>(settings: ResolvedSettings<Name>): string {
  const document = new Document({});
  for (const [name, value] of Object.entries(settings.values)) {
    const pair = document.createPair<Scalar, Scalar>(setting(name as Name).key, value);
    if (pair.value) pair.value.comment = ` ${settings.origins[name as Name]}`;
    document.add(pair);
  }
  return document.toString();
}

export function environmentVariable(key: string): string {
  return `BLOCKPRUNER_${key.toUpperCase().replaceAll('-', '_')}`;
}

/** Commander keeps `check: false` of a `--no-check` that is given, and `check: true` of one that is not. */
function valueOf(command: Command, key: string, origin: Origin): unknown {
  const value: unknown = command.getOptionValue(attributeOf(key));
  return key.startsWith('no-') && (origin === 'flag' || origin === 'default') ? !value : value;
}

/** Under which commander keeps the value of an option: two commands may each have their own option of one key. */
function attributeOf(key: string): string {
  return new Option(`--${key}`).attributeName();
}

function switchValue(key: string): boolean | string | undefined {
  const text = process.env[environmentVariable(key)];
  if (text === '1' || text === 'true') return true;
  return text === '0' || text === 'false' || text === '' ? false : text;
}

function applyConfigFile(command: Command, names: readonly SettingName[], file: string): void {
  const document = parseDocument(readConfigFile(file));
  if (document.errors.length > 0) {
    throw new UsageError(`--config ${file} is not valid YAML: ${document.errors[0].message.split('\n')[0]}`);
  }
  const content: unknown = document.toJS();
  if (content === null) return;
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new UsageError(`--config ${file} must hold "option: value" lines, e.g. "rows: 16"`);
  }
  const keys = new Set(names.map((name) => setting(name).key));
  for (const [key, value] of Object.entries(content)) {
    if (!keys.has(key)) {
      throw new UsageError(
        `--config ${file}: "${key}" is not an option of ${command.name()}; there are ${[...keys].join(', ')}`,
      );
    }
    const attribute = attributeOf(key);
    const source = command.getOptionValueSource(attribute);
    if (source === undefined || source === 'default') {
      command.setOptionValueWithSource(attribute, value, 'config');
    }
  }
}

function readConfigFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--config ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
