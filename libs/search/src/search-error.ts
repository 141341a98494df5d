/** A search that cannot start or cannot go on: the message names the value, the limit and the way out. */
export class SearchError extends Error {
  override readonly name = 'SearchError';
}
