/** Which files of a repository are needed, all of them present in it. */
export interface Selection {
  readonly files: readonly string[];
  /**
   * Whether the same choice from a part of the repository would have failed, or have been the same: then a folder
   * that yields it is complete.
   */
  readonly certain: boolean;
}

/**
 * Chooses among the paths of a repository; `read` gives the content of one of them.
 * @throws HubError when nothing in it can be used
 */
export type Select = (
  paths: ReadonlySet<string>,
  read: (path: string) => Promise<Buffer>,
) => Promise<Selection>;
