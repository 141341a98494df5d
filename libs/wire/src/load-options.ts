/**
 * How proto-loader represents messages in memory. `generate.sh` turns the same constant into flags of the
 * type generator.
 */
export const LOAD_OPTIONS = { longs: Number, enums: String, defaults: true, oneofs: true } as const;
