import { CheckpointError } from './checkpoint-error.ts';

/** A size that every block of a kind has, where the file says it for each layer. */
export class SameSize {
  /** Null until a layer says it. */
  value: number | null = null;
  private readonly file: string;
  private readonly name: string;

  constructor(file: string, name: string) {
    this.file = file;
    this.name = name;
  }

  /**
   * @param where the layer, as the file names it
   * @throws CheckpointError when it is another than that of the layers before
   */
  add(where: string, value: number | null): void {
    if (this.value !== null && value !== this.value) {
      throw new CheckpointError(
        'unsupported',
        `${this.file}: ${where} has ${this.name} ${value}, others ${this.value}: blocks of different sizes are not supported`,
      );
    }
    this.value = value;
  }
}
